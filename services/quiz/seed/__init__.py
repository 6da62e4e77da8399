"""Sample quizzes, added once in the life of an installation: what people have edited or deleted stays as it is.

They have the ids of content's sample events and lessons; no request is sent to content.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import peewee

from services.kit.core.instants import now
from services.kit.storage.audit.model import AuditRow
from services.kit.storage.seed_mark import seed_once
from services.quiz.config import Settings
from services.quiz.models import AttemptRow, QuizRow, RevisionRow, TombstoneRow
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


# Not the position in content's feed: the follower may write it before the first seeding.
_SIGNS_OF_USE = tuple(table.select() for table in (QuizRow, RevisionRow, AttemptRow, TombstoneRow, AuditRow))


def seed_database(database: peewee.Database, settings: Settings, name: str, *, anew: bool = False) -> dict[str, int]:
    """Add the quizzes of the set unless the database counts as seeded, and count them by table."""
    return seed_once(
        database, _SIGNS_OF_USE, lambda: seed_store(PeeweeQuizStore(database), SAMPLES[name], now()), anew=anew
    )


def seed_store(store: QuizStore, samples: Sequence[SampleQuiz], moment: datetime) -> dict[str, int]:
    """Add the quizzes, all or none, with times before `moment`; count them by table."""
    with store.transaction():
        for place, sample in enumerate(samples):
            store.quizzes.add(sample.at(moment + _FIRST_CREATED + place * _APART))
    return {"quizzes": len(samples)}
