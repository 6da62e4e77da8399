"""The materials of a lesson: an admin lists, attaches and detaches files."""

from collections.abc import Sequence

from services.content.entities import Material, Upload
from services.content.repository.contracts import MATERIAL_ORDERS, ContentStore
from services.content.service.lessons import Lessons
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock
from services.kit.storage.idempotency import Keep, keep_nothing
from services.kit.web.pages import Page, PageRequest, page_of


class Materials:
    """The use cases of materials."""

    def __init__(self, store: ContentStore, lessons: Lessons, clock: Clock):
        self._store = store
        self._lessons = lessons
        self._clock = clock

    def list(self, event_id: str, lesson_id: str, request: PageRequest) -> Page[Material]:
        """Return the materials of a lesson, or a page of them, in order of upload.

        Raise EventNotFound, LessonNotFound.
        """
        self._lessons.get(event_id, lesson_id)
        return page_of(self._store.materials.list(lesson_id, request), request, MATERIAL_ORDERS)

    def add(
        self, event_id: str, lesson_id: str, uploads: Sequence[Upload], keep: Keep[Sequence[Material]] = keep_nothing
    ) -> Sequence[Material]:
        """Attach all files after the present ones. Raise EventNotFound, LessonNotFound."""
        with self._store.transaction():
            self._store.events.get(event_id)
            # Lock the lesson: concurrent uploads take their positions one after the other.
            self._store.lessons.get(event_id, lesson_id, for_update=True)
            start = self._store.materials.last_position(lesson_id) + 1
            created_at = self._clock()
            materials = [
                Material(
                    id=new_id(),
                    lesson_id=lesson_id,
                    file_name=upload.file_name,
                    mime_type=upload.mime_type,
                    size_bytes=upload.size_bytes,
                    download_url=upload.download_url,
                    position=position,
                    created_at=created_at,
                )
                for position, upload in enumerate(uploads, start)
            ]
            self._store.materials.add_all(materials)
            keep(materials)
        return materials

    def delete(self, event_id: str, lesson_id: str, material_id: str) -> None:
        """Detach one file. Raise EventNotFound, LessonNotFound, MaterialNotFound."""
        with self._store.transaction():
            self._lessons.get(event_id, lesson_id)
            self._store.materials.remove(lesson_id, material_id)
