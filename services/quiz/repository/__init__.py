"""How quiz keeps its records: the contracts, and their Peewee implementation. Every query lives here."""

from services.quiz.repository.contracts import (
    ALL,
    AttemptRepository,
    QuizFilter,
    QuizRepository,
    QuizStore,
    attempt_key,
    quiz_key,
)
from services.quiz.repository.inspection import QuizInspection, Reference
from services.quiz.repository.store import PeeweeQuizStore

__all__ = [
    "ALL",
    "AttemptRepository",
    "PeeweeQuizStore",
    "QuizFilter",
    "QuizInspection",
    "QuizRepository",
    "QuizStore",
    "Reference",
    "attempt_key",
    "quiz_key",
]
