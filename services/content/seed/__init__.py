"""Sample rows. A second run changes no existing row, because people may have edited it.

Their ids are fixed, because the samples of quiz refer to them from another database.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import peewee

from services.content.config import Settings
from services.content.entities import Lesson
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from services.content.seed.demo import SEASON
from services.content.seed.minimal import MINIMAL
from services.content.seed.samples import SampleEvent, SampleLesson, SampleMaterial
from services.kit.core.errors import Conflict, NotFound
from services.kit.core.instants import now

SAMPLES: Mapping[str, Sequence[SampleEvent]] = {"minimal": MINIMAL, "demo": (*MINIMAL, *SEASON)}
SETS = tuple(SAMPLES)


def seed_database(database: peewee.Database, settings: Settings, name: str) -> dict[str, int]:
    """Add the missing rows of the set, with times around now; return the number of added rows by table."""
    return seed_store(PeeweeContentStore(database), SAMPLES[name], now())


def seed_store(store: ContentStore, samples: Sequence[SampleEvent], moment: datetime) -> dict[str, int]:
    """Add the missing rows as of `moment`, all or none; return the number of added rows by table."""
    added = Counter(events=0, lessons=0, materials=0)
    with store.transaction():
        for sample in samples:
            added.update(_unless_taken(_add_event, store, sample, moment))
    return dict(added)


def _unless_taken(add_one: Callable[..., Counter[str]], store: ContentStore, *arguments: object) -> Counter[str]:
    """Add nothing where a person's row, or a concurrent seeding, has taken the slug or the id."""
    with suppress(Conflict, peewee.IntegrityError), store.transaction():
        return add_one(store, *arguments)
    return Counter()


def _add_event(store: ContentStore, sample: SampleEvent, moment: datetime) -> Counter[str]:
    added: Counter[str] = Counter()
    event = sample.at(moment)
    if not _exists(store.events.get, event.id):
        store.events.add(event)
        added["events"] += 1
    for number, lesson in enumerate(sample.lessons, 1):
        created_at = event.created_at + timedelta(minutes=number)
        added.update(_unless_taken(_add_lesson, store, lesson, lesson.at(event.id, created_at, moment)))
    return added


def _add_lesson(store: ContentStore, sample: SampleLesson, lesson: Lesson) -> Counter[str]:
    added: Counter[str] = Counter()
    if not _exists(store.lessons.get, lesson.event_id, lesson.id):
        store.lessons.add(lesson)
        added["lessons"] += 1
    added.update(_unless_taken(_add_materials, store, sample.materials, lesson))
    return added


def _add_materials(store: ContentStore, samples: Sequence[SampleMaterial], lesson: Lesson) -> Counter[str]:
    existing = {material.id for material in store.materials.list(lesson.id)}
    missing = [sample for sample in samples if sample.id not in existing]
    if missing:
        # People may have uploaded materials: append after them.
        positions = enumerate(missing, store.materials.last_position(lesson.id) + 1)
        store.materials.add_all([sample.at(lesson, position) for position, sample in positions])
    return Counter(materials=len(missing))


def _exists(get: Callable[..., object], *ids: str) -> bool:
    with suppress(NotFound):
        get(*ids)
        return True
    return False
