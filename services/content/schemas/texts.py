"""The texts that several schemas of content share."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from services.content import rules
from services.kit.core.instants import format_instant
from services.kit.web.schemas import CHARACTER, VISIBLE, WHITE_SPACE, InstantText, Text, length


def _event_slug(text: str) -> str:
    slug = rules.event_slug(text)
    if not slug:
        raise ValueError("must contain a letter from a to z or a digit")
    return slug


def _addressable(slug: str) -> str:
    if not rules.is_addressable(slug):
        raise ValueError("must not contain a slash or a line break: no address could name it")
    return slug


_LETTER = "[A-Za-z0-9]"
# At least three characters after trimming, one of which is a letter or a digit.
_EVENT_SLUG = (
    f"^{WHITE_SPACE}{CHARACTER}*"
    f"({_LETTER}{CHARACTER}+{VISIBLE}|{VISIBLE}{CHARACTER}+{_LETTER}"
    f"|{VISIBLE}{CHARACTER}*{_LETTER}{CHARACTER}*{VISIBLE})"
    f"{CHARACTER}*{WHITE_SPACE}$"
)
_ON_ONE_LINE = r"[^\x00-\x1F\x7F-\x9F/]"
_VISIBLE_ON_ONE_LINE = r"[^\x00-\x1F\x7F-\x9F\s/]"
_LESSON_SLUG = (
    f"^{WHITE_SPACE}{_ON_ONE_LINE}*"
    f"{_VISIBLE_ON_ONE_LINE}{_ON_ONE_LINE}+{_VISIBLE_ON_ONE_LINE}"
    f"{_ON_ONE_LINE}*{WHITE_SPACE}$"
)

Title = Annotated[Text, length(3)]
AccessKey = Annotated[Text, length(6, 64)]
# PostgreSQL cannot index a text of more than 2704 bytes, and no server reads an address of that length.
SlugText = Annotated[Text, length(3, 400)]
EventSlug = Annotated[
    SlugText,
    AfterValidator(_event_slug),
    Field(
        description="Lower-cased; every run of other characters than a-z, 0-9 and - becomes one -, none at the ends; "
        "a letter or a digit must be left",
        json_schema_extra={"pattern": _EVENT_SLUG},
    ),
]
LessonSlug = Annotated[
    SlugText,
    AfterValidator(rules.lesson_slug),
    AfterValidator(_addressable),
    Field(
        description="Trimmed and lower-cased; no slash and no line break, since no address could name it",
        json_schema_extra={"pattern": _LESSON_SLUG},
    ),
]


def optional_instant(instant: datetime | None) -> InstantText | None:
    """Return the wire form of an instant that may be missing."""
    return None if instant is None else format_instant(instant)
