"""The texts that several schemas of content share."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from services.content import rules
from services.kit.core.instants import format_instant
from services.kit.core.texts import as_seen, is_invisible, lower_form, slug_form
from services.kit.web.schemas import (
    CHARACTER,
    END,
    OFF_ONE_LINE,
    SEEN,
    UNSEEN,
    WHITE_SPACE,
    ExactText,
    InstantText,
    OneLineText,
    TrimmedText,
    excluding,
    length,
    line_length,
)


def with_stored_slug(document: Any, stored: str) -> Any:
    """Return the body of an update with the stored slug in place of the same one in capitals or between white space.

    A rule that came later would make another slug of it.
    """
    slug = document.get("slug") if isinstance(document, dict) else None
    return {**document, "slug": stored} if isinstance(slug, str) and slug.strip().lower() == stored else document


def _event_slug(text: str) -> str:
    slug = slug_form(text)
    if not slug:
        raise ValueError("must contain a letter from a to z or a digit")
    return slug


def _like_a_key(text: str) -> str:
    """Refuse what no key can be: keys of before may have their least or greatest length as they stand alone."""
    lengths = (len(text), len(as_seen(text)))
    if max(lengths) < MINIMUM_KEY:
        raise ValueError(f"must have at least {MINIMUM_KEY} characters")
    if min(lengths) > MAXIMUM_KEY:
        raise ValueError(f"must have at most {MAXIMUM_KEY} characters")
    return text


def _file_name(text: str) -> str:
    if any(each in text for each in "/\\"):
        raise ValueError("must not contain a slash or a backslash")
    if text and all(each == "." or is_invisible(each) for each in text):
        raise ValueError("must have another character than dots")
    return text


def _addressable(slug: str) -> str:
    if not rules.is_addressable(slug):
        raise ValueError("must not contain a slash or a line break: no address could name it")
    return slug


MINIMUM_KEY = 6
MAXIMUM_KEY = 64
_ACCESS_KEY = f"^{WHITE_SPACE}{CHARACTER}*{SEEN}{CHARACTER}{{{MINIMUM_KEY - 2},}}{SEEN}{CHARACTER}*{WHITE_SPACE}$"
_TYPED_KEY = f"^{WHITE_SPACE}{CHARACTER}*{END}{CHARACTER}{{{MINIMUM_KEY - 2},}}{END}{CHARACTER}*{WHITE_SPACE}$"
_LETTER = "[A-Za-z0-9]"
# At least three characters after trimming, one of which is a letter or a digit.
_EVENT_SLUG = (
    f"^{WHITE_SPACE}{CHARACTER}*"
    f"({_LETTER}{CHARACTER}+{SEEN}|{SEEN}{CHARACTER}+{_LETTER}"
    f"|{SEEN}{CHARACTER}*{_LETTER}{CHARACTER}*{SEEN})"
    f"{CHARACTER}*{WHITE_SPACE}$"
)
_IN_LESSON_SLUGS = r"[^\x00-\x1F\x7F-\x9F/]"
_SEEN_IN_LESSON_SLUGS = excluding(SEEN, "/")
_LESSON_SLUG = (
    f"^{WHITE_SPACE}{UNSEEN}*{_SEEN_IN_LESSON_SLUGS}{_IN_LESSON_SLUGS}+{_SEEN_IN_LESSON_SLUGS}{UNSEEN}*{WHITE_SPACE}$"
)

_OFF_FILE_NAMES = rf"{OFF_ONE_LINE}/\\"
_IN_FILE_NAMES = excluding(CHARACTER, _OFF_FILE_NAMES)
_FILE_NAME = f"^{WHITE_SPACE}{_IN_FILE_NAMES}*{excluding(SEEN, rf'{_OFF_FILE_NAMES}.')}{_IN_FILE_NAMES}*{WHITE_SPACE}$"

Title = Annotated[OneLineText, line_length(3)]
FileName = Annotated[
    OneLineText,
    AfterValidator(_file_name),
    Field(
        min_length=1,
        max_length=200,
        description="on one line, without / and \\, and not of dots alone",
        json_schema_extra={"pattern": _FILE_NAME},
    ),
]
AccessKey = Annotated[
    ExactText,
    AfterValidator(as_seen),
    Field(
        min_length=MINIMUM_KEY,
        max_length=MAXIMUM_KEY,
        description="without white space and invisible characters at its ends, in NFC",
        json_schema_extra={"pattern": _ACCESS_KEY},
    ),
]
TypedKey = Annotated[
    TrimmedText,
    AfterValidator(_like_a_key),
    Field(
        description="compared in NFC, without white space and invisible characters at its ends",
        json_schema_extra={"minLength": MINIMUM_KEY, "maxLength": MAXIMUM_KEY, "pattern": _TYPED_KEY},
    ),
]
# PostgreSQL cannot index a text of more than 2704 bytes, and no server reads an address of that length.
SlugText = Annotated[ExactText, AfterValidator(as_seen), length(3, 400)]
EventSlug = Annotated[
    SlugText,
    AfterValidator(_event_slug),
    Field(
        description="Lower-cased; every run of other characters than a-z and 0-9 becomes one -, none at the ends; "
        "a letter or a digit must be left",
        json_schema_extra={"pattern": _EVENT_SLUG},
    ),
]
LessonSlug = Annotated[
    SlugText,
    AfterValidator(lower_form),
    AfterValidator(_addressable),
    Field(
        description="Lower-cased, in NFC, without white space and invisible characters at its ends; no slash and no "
        "line break, since no address could name it",
        json_schema_extra={"pattern": _LESSON_SLUG},
    ),
]


def optional_instant(instant: datetime | None) -> InstantText | None:
    """Return the wire form of an instant that may be missing."""
    return None if instant is None else format_instant(instant)
