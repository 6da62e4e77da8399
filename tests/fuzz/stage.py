"""What the fuzzer finds when it comes: open events, each with a lesson, its quiz and its materials."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from tests.contract.samples import attached, file_body, new_event, new_lesson, new_quiz

MATERIALS = 12
# The same in every event, so that any two names belong together.
LESSON_SLUG = "the-lesson"


@dataclass(frozen=True)
class Stage:
    """How to name it."""

    event_id: str
    event_slug: str
    lesson_id: str
    lesson_slug: str
    material_ids: Sequence[str]


def build_stage(admin: httpx.Client) -> Stage:
    """A stage of its own."""
    event = new_event(admin, isActive=True)
    lesson = new_lesson(admin, event, slug=LESSON_SLUG)
    new_quiz(admin, lesson)
    materials = attached(admin, lesson, *[file_body()] * MATERIALS)
    return Stage(event["id"], event["slug"], lesson["id"], lesson["slug"], [each["id"] for each in materials])
