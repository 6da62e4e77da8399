"""Sample rows. A second run finds them there and leaves them alone, whatever people have made of them since.

Their ids are written out, because the quizzes' samples refer to them from another database.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import peewee

from services.content.config import Settings
from services.content.entities import Lesson
from services.content.integrity import Samples
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from services.content.seed.demo import SEASON
from services.content.seed.minimal import MINIMAL
from services.content.seed.samples import SampleEvent, SampleLesson, SampleMaterial
from services.kit.core.errors import Conflict, NotFound
from services.kit.core.instants import now

SAMPLES: Mapping[str, Sequence[SampleEvent]] = {"minimal": MINIMAL, "demo": (*MINIMAL, *SEASON)}
SETS = tuple(SAMPLES)


def places() -> Samples:
    """Where each sample of any set belongs, for a check."""
    lessons = [(event, lesson) for event in SAMPLES["demo"] for lesson in event.lessons]
    return Samples(
        event_of_lesson={lesson.id: event.id for event, lesson in lessons},
        lesson_of_material={material.id: lesson.id for _, lesson in lessons for material in lesson.materials},
    )


def seed_database(database: peewee.Database, settings: Settings, name: str) -> dict[str, int]:
    """Add what the set has and the database has not, around the present moment; how many rows, by table."""
    return seed_store(PeeweeContentStore(database), SAMPLES[name], now())


def seed_store(store: ContentStore, samples: Sequence[SampleEvent], moment: datetime) -> dict[str, int]:
    """Add what is absent as of `moment`, all or nothing; how many rows, by table."""
    added = Counter(events=0, lessons=0, materials=0)
    with store.transaction():
        for sample in samples:
            added.update(_unless_taken(_add_event, store, sample, moment))
    return dict(added)


def _unless_taken(add_one: Callable[..., Counter[str]], store: ContentStore, *arguments: object) -> Counter[str]:
    """Nothing where the slug or id is a person's, or another seeding's that runs at the same time."""
    with suppress(Conflict, peewee.IntegrityError), store.transaction():
        return add_one(store, *arguments)
    return Counter()


def _add_event(store: ContentStore, sample: SampleEvent, moment: datetime) -> Counter[str]:
    added: Counter[str] = Counter()
    event = sample.at(moment)
    if not _is_there(store.events.get, event.id):
        store.events.add(event)
        added["events"] += 1
    for place, lesson in enumerate(sample.lessons, 1):
        created_at = event.created_at + timedelta(minutes=place)
        added.update(_unless_taken(_add_lesson, store, lesson, lesson.at(event.id, created_at, moment)))
    return added


def _add_lesson(store: ContentStore, sample: SampleLesson, lesson: Lesson) -> Counter[str]:
    added: Counter[str] = Counter()
    if not _is_there(store.lessons.get, lesson.event_id, lesson.id):
        store.lessons.add(lesson)
        added["lessons"] += 1
    added.update(_unless_taken(_add_materials, store, sample.materials, lesson))
    return added


def _add_materials(store: ContentStore, samples: Sequence[SampleMaterial], lesson: Lesson) -> Counter[str]:
    there = {material.id for material in store.materials.list(lesson.id)}
    absent = [sample for sample in samples if sample.id not in there]
    if absent:
        # Behind what people have uploaded.
        places = enumerate(absent, store.materials.last_position(lesson.id) + 1)
        store.materials.add_all([sample.at(lesson, place) for place, sample in places])
    return Counter(materials=len(absent))


def _is_there(get: Callable[..., object], *ids: str) -> bool:
    with suppress(NotFound):
        get(*ids)
        return True
    return False
