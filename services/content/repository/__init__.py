"""How content keeps its records: the contracts, and their Peewee implementation. Every query lives here."""

from services.content.repository.contracts import (
    ALL,
    ChangeLog,
    ContentStore,
    EventRepository,
    LessonRepository,
    MaterialRepository,
    event_key,
    lesson_key,
    material_key,
)
from services.content.repository.inspection import ContentInspection
from services.content.repository.store import PeeweeContentStore

__all__ = [
    "ALL",
    "ChangeLog",
    "ContentInspection",
    "ContentStore",
    "EventRepository",
    "LessonRepository",
    "MaterialRepository",
    "PeeweeContentStore",
    "event_key",
    "lesson_key",
    "material_key",
]
