"""Sample quizzes. A second run changes no existing quiz, because people may have edited it.

They have the ids of content's sample events and lessons; no request is sent to content.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import peewee

from services.kit.core.instants import now
from services.quiz.config import Settings
from services.quiz.entities import Quiz
from services.quiz.errors import LessonHasQuiz, QuizNotFound
from services.quiz.repository.contracts import QuizStore
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.seed.demo import SEASON
from services.quiz.seed.minimal import MINIMAL
from services.quiz.seed.samples import SampleQuiz

SAMPLES: Mapping[str, Sequence[SampleQuiz]] = {"minimal": MINIMAL, "demo": (*MINIMAL, *SEASON)}
SETS = tuple(SAMPLES)

# The quizzes were created before the season, one after the other.
_FIRST_CREATED = timedelta(days=-30)
_APART = timedelta(minutes=1)


def seed_database(database: peewee.Database, settings: Settings, name: str) -> dict[str, int]:
    """Add the quizzes of the set that the database does not have, and count them by table."""
    return seed_store(PeeweeQuizStore(database), SAMPLES[name], now())


def seed_store(store: QuizStore, samples: Sequence[SampleQuiz], moment: datetime) -> dict[str, int]:
    """Add the absent quizzes, all or none, with times before `moment`; count them by table."""
    with store.transaction():
        added = [
            _add_unless_taken(store, sample.at(moment + _FIRST_CREATED + place * _APART))
            for place, sample in enumerate(samples)
        ]
    return {"quizzes": sum(added)}


def _add_unless_taken(store: QuizStore, quiz: Quiz) -> bool:
    """Return False when the quiz exists, its lesson has another, or another process adds it at the same time."""
    with suppress(QuizNotFound):
        store.quizzes.get(quiz.id)
        return False
    with suppress(LessonHasQuiz, peewee.IntegrityError):
        store.quizzes.add(quiz)
        return True
    return False
