"""The records that the fuzzer finds: open events, each with a lesson, a quiz and materials, and a person."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from tests.contract.samples import attached, created, file_body, new_event, new_lesson, new_quiz, unique

MATERIALS = 12
# The same in every event, so that any two slugs belong together.
LESSON_SLUG = "the-lesson"


@dataclass(frozen=True)
class Stage:
    """The ids and slugs of a stage."""

    event_id: str
    event_slug: str
    lesson_id: str
    lesson_slug: str
    material_ids: Sequence[str]
    person_id: str


def build_stage(admin: httpx.Client) -> Stage:
    """Create a stage."""
    event = new_event(admin, isActive=True)
    lesson = new_lesson(admin, event, slug=LESSON_SLUG)
    new_quiz(admin, lesson)
    materials = attached(admin, lesson, *[file_body()] * MATERIALS)
    person = created(admin.post("/api/admin/users", json={"username": unique("person"), "role": "editor"}))
    material_ids = [each["id"] for each in materials]
    return Stage(event["id"], event["slug"], lesson["id"], lesson["slug"], material_ids, person["id"])
