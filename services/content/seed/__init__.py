"""Sample rows, added once in the life of an installation: what people have edited or deleted stays as they left it.

Their ids are fixed, because the samples of quiz refer to them from another database.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import peewee

from services.content.config import Settings
from services.content.models import ChangeFeedRow, ChangeRow, EventRow, LessonRow, MaterialRow
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from services.content.seed.demo import SEASON
from services.content.seed.minimal import MINIMAL
from services.content.seed.samples import SampleEvent
from services.kit.core.instants import now
from services.kit.storage.audit.model import AuditRow
from services.kit.storage.seed_mark import is_seeded, seed_once

SAMPLES: Mapping[str, Sequence[SampleEvent]] = {"minimal": MINIMAL, "demo": (*MINIMAL, *SEASON)}
SETS = tuple(SAMPLES)


# The feed's last number stays when changes are pruned and the audit log is archived. Its row alone is no sign of use: a
# follower that reads an empty feed makes it.
_SIGNS_OF_USE = (
    *(table.select() for table in (EventRow, LessonRow, MaterialRow, ChangeRow, AuditRow)),
    ChangeFeedRow.select().where(ChangeFeedRow.last_sequence > 0),
)


def seed_database(database: peewee.Database, settings: Settings, name: str, *, anew: bool = False) -> dict[str, int]:
    """Add the set, with times around now, unless the database counts as seeded; return the added rows by table."""
    return seed_once(
        database,
        _SIGNS_OF_USE,
        lambda: seed_store(PeeweeContentStore(database), SAMPLES[name], now()),
        anew=anew,
    )


def counts_as_seeded(database: peewee.Database) -> bool:
    """Return whether a seeding would add nothing."""
    return is_seeded(database, _SIGNS_OF_USE)


def seed_store(store: ContentStore, samples: Sequence[SampleEvent], moment: datetime) -> dict[str, int]:
    """Add the samples as of `moment`, all or none; return the number of added rows by table."""
    added = Counter(events=0, lessons=0, materials=0)
    with store.transaction():
        for sample in samples:
            added.update(_add_event(store, sample, moment))
    return dict(added)


def _add_event(store: ContentStore, sample: SampleEvent, moment: datetime) -> Counter[str]:
    event = sample.at(moment)
    store.events.add(event)
    added = Counter(events=1)
    for number, each in enumerate(sample.lessons, 1):
        lesson = each.at(event.id, event.created_at + timedelta(minutes=number), moment)
        store.lessons.add(lesson)
        if each.materials:
            store.materials.add_all(
                [material.at(lesson, position) for position, material in enumerate(each.materials, 1)]
            )
        added.update(lessons=1, materials=len(each.materials))
    return added
