"""Sample quizzes. A second run finds them there and leaves them alone, whatever people have made of them since.

They name the events and lessons of content's samples by agreement; content itself is not asked.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import peewee

from services.kit.core.instants import now
from services.quiz.config import Settings
from services.quiz.entities import LessonReference, Quiz
from services.quiz.errors import LessonHasQuiz, QuizNotFound
from services.quiz.repository.contracts import QuizStore
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.seed.demo import SEASON
from services.quiz.seed.minimal import MINIMAL
from services.quiz.seed.samples import SampleQuiz

SAMPLES: Mapping[str, Sequence[SampleQuiz]] = {"minimal": MINIMAL, "demo": (*MINIMAL, *SEASON)}
SETS = tuple(SAMPLES)

# The quizzes were made before the season, one after the other.
_FIRST_MADE = timedelta(days=-30)
_APART = timedelta(minutes=1)


def places() -> Mapping[str, LessonReference]:
    """The lesson of each sample of any set, for a check."""
    return {sample.id: LessonReference(sample.event_id, sample.lesson_id) for sample in SAMPLES["demo"]}


def seed_database(database: peewee.Database, settings: Settings, name: str) -> dict[str, int]:
    """Add what the set has and the database has not; how many quizzes."""
    return seed_store(PeeweeQuizStore(database), SAMPLES[name], now())


def seed_store(store: QuizStore, samples: Sequence[SampleQuiz], moment: datetime) -> dict[str, int]:
    """Add what is absent as of `moment`, all or nothing; how many quizzes."""
    with store.transaction():
        added = [
            _add_unless_taken(store, sample.at(moment + _FIRST_MADE + place * _APART))
            for place, sample in enumerate(samples)
        ]
    return {"quizzes": sum(added)}


def _add_unless_taken(store: QuizStore, quiz: Quiz) -> bool:
    """False where the quiz is there, its lesson has another, or another seeding adds it at the same time."""
    with suppress(QuizNotFound):
        store.quizzes.get(quiz.id)
        return False
    with suppress(LessonHasQuiz, peewee.IntegrityError):
        store.quizzes.add(quiz)
        return True
    return False
