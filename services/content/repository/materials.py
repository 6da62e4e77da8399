"""Materials in SQLite or PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import peewee
from peewee import fn

from services.content.entities import Lesson, LessonReference, Material
from services.content.errors import MaterialNotFound
from services.content.models import LessonRow, MaterialRow
from services.content.repository.contracts import ALL
from services.content.repository.feed import PeeweeChanges, material_change
from services.kit.core.records import values_of
from services.kit.storage.database import lock_rows, transaction
from services.kit.storage.pages import paged
from services.kit.storage.statements import Parameter, Statement
from services.kit.web.pages import Orders, PageRequest

_ORDERS = Orders("position", {"position": (MaterialRow.position,)})


class _LastPosition(NamedTuple):
    lesson_id: str
    position: int


class PeeweeMaterials:
    """MaterialRepository over the table `materials`."""

    def __init__(self, database: peewee.Database, changes: PeeweeChanges):
        self._database = database
        self._changes = changes
        of_lesson = MaterialRow.select().where(MaterialRow.lesson == Parameter("lesson_id"))
        one_of_lesson = of_lesson.where(MaterialRow.id == Parameter("material_id"))
        self._of_lesson = Statement(database, paged(of_lesson, _ORDERS, ALL), Material)
        self._one_for_update = Statement(database, lock_rows(one_of_lesson, database), Material)

    def add_all(self, materials: Sequence[Material]) -> None:
        """Store new materials in one statement."""
        with transaction(self._database):
            MaterialRow.insert_many([_columns(material) for material in materials]).execute(self._database)
            event_ids = self._event_ids({material.lesson_id for material in materials})
            self._changes.append([material_change("created", each, event_ids[each.lesson_id]) for each in materials])

    def last_position(self, lesson_id: str) -> int:
        """Return the highest position of the lesson's materials, 0 when it has none."""
        query = MaterialRow.select(fn.MAX(MaterialRow.position)).where(MaterialRow.lesson == lesson_id)
        return query.scalar(self._database) or 0

    def last_positions(self, lesson_ids: Iterable[str]) -> Mapping[str, int]:
        """Return the highest position of each of the lessons that has a material."""
        of_lessons = MaterialRow.select(MaterialRow.lesson, fn.MAX(MaterialRow.position).alias("position"))
        query = of_lessons.where(MaterialRow.lesson.in_([*lesson_ids])).group_by(MaterialRow.lesson)
        return {each.lesson_id: each.position for each in Statement(self._database, query, _LastPosition).all()}

    def find(self, material_ids: Iterable[str]) -> Sequence[Material]:
        """Return the materials with one of the ids, in any order."""
        query = MaterialRow.select().where(MaterialRow.id.in_([*material_ids]))
        return Statement(self._database, query, Material).all()

    def remove(self, lesson_id: str, material_id: str) -> None:
        """Delete the material. Raise MaterialNotFound."""
        with transaction(self._database):
            material = self._one_for_update.first(lesson_id=lesson_id, material_id=material_id)
            if material is None:
                raise MaterialNotFound
            MaterialRow.delete().where(MaterialRow.id == material_id).execute(self._database)
            event_ids = self._event_ids({lesson_id})
            self._changes.append([material_change("deleted", material, event_ids[lesson_id])])

    def list(self, lesson_id: str, request: PageRequest = ALL) -> Sequence[Material]:
        """Return the lesson's materials in order of upload."""
        if request == ALL:
            return self._of_lesson.all(lesson_id=lesson_id)
        query = paged(MaterialRow.select().where(MaterialRow.lesson == lesson_id), _ORDERS, request)
        return Statement(self._database, query, Material).all()

    def _event_ids(self, lesson_ids: Iterable[str]) -> Mapping[str, str]:
        query = LessonRow.select(LessonRow.id.alias("lesson_id"), LessonRow.event)
        named = query.where(LessonRow.id.in_([*lesson_ids]))
        return {each.lesson_id: each.event_id for each in Statement(self._database, named, LessonReference).all()}


def materials_of(database: peewee.Database, lessons: Sequence[Lesson]) -> Sequence[Material]:
    """Return the materials of the lessons, by lesson id, then in order of upload."""
    query = MaterialRow.select().where(MaterialRow.lesson.in_([lesson.id for lesson in lessons]))
    return Statement(database, query.order_by(MaterialRow.lesson, MaterialRow.position), Material).all()


def _columns(material: Material) -> dict[str, Any]:
    columns = values_of(material)
    columns["lesson"] = columns.pop("lesson_id")
    return columns
