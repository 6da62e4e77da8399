"""How quiz keeps its records: the contracts, and their Peewee implementation. Every query lives here."""

from services.quiz.repository.contracts import (
    ALL,
    AttemptRepository,
    Following,
    QuizFilter,
    QuizRepository,
    QuizStore,
    attempt_key,
    quiz_key,
)
from services.quiz.repository.inspection import QuizInspection, QuizReference
from services.quiz.repository.store import PeeweeQuizStore

__all__ = [
    "ALL",
    "AttemptRepository",
    "Following",
    "PeeweeQuizStore",
    "QuizFilter",
    "QuizInspection",
    "QuizReference",
    "QuizRepository",
    "QuizStore",
    "attempt_key",
    "quiz_key",
]
