"""Base types of the wire: strict pydantic models in camelCase, texts without control characters, instants."""

import math
import re
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Generic, NotRequired, TypeVar

import pydantic
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidatorFunctionWrapHandler,
)
from pydantic.alias_generators import to_camel

# Before Python 3.12 pydantic does not support the standard library's TypedDict.
from typing_extensions import TypedDict

from services.kit.core.errors import ValidationFailed
from services.kit.core.instants import parse_instant
from services.kit.core.texts import DIRECTION_OVERRIDES, IGNORABLE, LINE_BREAKS, composed, is_invisible, is_web_address
from services.kit.core.unset import UNSET

# The most errors that a response names: all of a form with 100 fields.
MOST_ERRORS = 100

# Unicode's category Cc without tab and line breaks.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

Model = TypeVar("Model", bound=BaseModel)


def _without_control_characters(text: str) -> str:
    # PostgreSQL cannot store NUL; the others break terminals and logs.
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters")
    return text


def _empty_unless_seen(text: str) -> str:
    return text if any(not is_invisible(each) for each in text) else ""


def _on_one_line(text: str) -> str:
    if any(each in LINE_BREAKS for each in text):
        raise ValueError("must not contain line breaks")
    if any(each in DIRECTION_OVERRIDES for each in text):
        raise ValueError("must not contain characters that override its direction")
    return text


def _whole(value: object) -> object:
    # JSON has one kind of number: 20.0 is the integer 20 (JSON Schema 2020-12, section 6.1.1).
    return int(value) if isinstance(value, float) and math.isfinite(value) and value == int(value) else value


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be an ISO 8601 instant in text")
    return parse_instant(value)


def _web_address(text: str) -> str:
    if not is_web_address(text):
        raise ValueError("must be an http or https address")
    return text


# Parts of the regular expressions (ECMA-262) that JSON schemas have for a text before it is trimmed: the white space
# around it, a character inside it, a first or last one, one that is seen, and one that is not. They say nothing of NFC,
# and take invisible characters beyond U+FFFF for visible ones, which ECMA-262 writes as no other engine reads it.
WHITE_SPACE = r"[\t-\r \x85\xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]*"
CHARACTER = r"[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]"
END = r"[^\x00-\x1F\x7F-\x9F\s]"
_IGNORABLE = "".join(rf"\u{ord(each):04X}" for each in sorted(IGNORABLE) if each <= "\uffff")
SEEN = f"{END[:-1]}{_IGNORABLE}]"
UNSEEN = rf"[\t\n\r \xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000{_IGNORABLE}]"
OFF_ONE_LINE = r"\n\r\u2028\u2029\u202A-\u202E\u2066-\u2069"
"""What a text on one line does not have besides control characters, for `excluding`."""


def excluding(characters: str, excluded: str) -> str:
    """Return the negated character class `characters`, with these members excluded as well."""
    return f"{characters[:-1]}{excluded}]"


def text_pattern(minimum: int = 0, excluded: str = "") -> str:
    """Return the pattern of a text with at least `minimum` characters after trimming, one of them visible."""
    character, end, seen = (excluding(each, excluded) for each in (CHARACTER, END, SEEN))
    if minimum == 0:
        inner = ""
    elif minimum == 1:
        inner = f"{seen}{character}*"
    else:
        # The visible character is the first one, the last one, or one between after at least `before` others.
        least = max(minimum - 2, 1)
        between = "|".join(
            f"{end}{character}{{{before},}}{seen}{character}{{{least - 1 - before},}}{end}" for before in range(least)
        )
        rest = f"{character}{{{minimum - 2},}}"
        inner = f"({seen}{rest}{end}|{end}{rest}{seen}|{between}){character}*"
    return f"^{WHITE_SPACE}{character}*{inner}{WHITE_SPACE}$"


def length(minimum: int = 0, maximum: int | None = None, excluded: str = "") -> Any:
    """Return the annotation that limits the characters of a Text after normalising, also in its JSON schema."""
    extra: dict[str, Any] = {"pattern": text_pattern(minimum, excluded)}
    return Field(min_length=minimum or None, max_length=maximum, json_schema_extra=extra)


def line_length(minimum: int = 0, maximum: int | None = None) -> Any:
    """Return the annotation that limits the characters of a OneLineText after normalising, also in its JSON schema."""
    return length(minimum, maximum, OFF_ONE_LINE)


def absent(value: object = None, **constraints: Any) -> Any:
    """Return the default of a field that may be absent: a value that no client can send. `constraints` are Field's."""
    return Field(default_factory=lambda: value, **constraints)


TrimmedText = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_without_control_characters),
    Field(json_schema_extra={"pattern": text_pattern()}),
]

ExactText = Annotated[TrimmedText, AfterValidator(_empty_unless_seen)]
"""A trimmed text that is otherwise kept as it is, such as an id or an address; empty without a visible character."""

Text = Annotated[ExactText, AfterValidator(composed)]
"""A text that people read: trimmed, in NFC, empty without a visible character; limit it with `length`."""

OneLineText = Annotated[
    TrimmedText,
    AfterValidator(_on_one_line),
    AfterValidator(_empty_unless_seen),
    AfterValidator(composed),
    Field(json_schema_extra={"pattern": text_pattern(excluded=OFF_ONE_LINE)}),
]
"""A Text without line breaks and characters that override its direction; limit it with `line_length`."""

Integer = Annotated[int, BeforeValidator(_whole)]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    Field(description="RFC 3339 with any offset; seconds may be left out, digits finer than a millisecond are cut off"),
]
WebAddress = Annotated[
    ExactText,
    AfterValidator(_web_address),
    Field(
        description="http or https",
        json_schema_extra={"format": "uri", "pattern": r"^\s*[hH][tT][tT][pP][sS]?://[^\s/?#]+[^\s]*\s*$"},
    ),
]


InstantText = Annotated[
    str,
    Field(
        description="UTC with milliseconds, as 2026-03-01T12:00:00.000Z",
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        json_schema_extra={"format": "date-time"},
    ),
]
"""An instant on the wire, made by `format_instant`."""

View = TypeVar("View")


class Item(TypedDict, Generic[View]):
    """A response with one record."""

    item: View


class Items(TypedDict, Generic[View]):
    """A response with a list of records; `nextCursor` is present if a page was requested."""

    items: list[View]
    nextCursor: NotRequired[str | None]


class Schema(BaseModel):
    """A request body: camelCase on the wire, snake_case in Python, no coercion, unknown members are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, frozen=True, extra="ignore")


_NULL = {"type": "null"}


def _optional_may_be_null(schema: dict[str, Any]) -> None:
    for name, part in schema["properties"].items():
        if name not in schema.get("required", ()) and _NULL not in part.get("anyOf", ()):
            schema["properties"][name] = {"oneOf": [_NULL, *part.get("oneOf", [part])]}


class Creation(Schema):
    """The body of a creation: null is as if not sent."""

    model_config = ConfigDict(json_schema_extra=_optional_may_be_null)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        return {name: value for name, value in document.items() if value is not None}


class Changes(Schema):
    """A body of an update, or a part of one: any field takes UNSET, because what is stored is not judged anew.

    Validate what `only_changes` returns.
    """

    @pydantic.field_validator("*", mode="wrap")
    @classmethod
    def _unset_as_it_is(cls, value: object, judge: ValidatorFunctionWrapHandler) -> object:
        return UNSET if value is UNSET else judge(value)


def _at_least_one_field(schema: dict[str, Any]) -> None:
    schema["minProperties"] = 1
    schema["anyOf"] = [{"required": [name]} for name in schema["properties"]]


class Patch(Changes):
    """A partial update: absent fields stay unchanged. At least one field is required."""

    model_config = ConfigDict(json_schema_extra=_at_least_one_field)

    @pydantic.model_validator(mode="after")
    def _changes_something(self) -> "Patch":
        if not self.model_fields_set:
            raise ValueError("At least one field is required")
        return self


def validated(schema: type[Model], document: object, context: Any = None) -> Model:
    """Validate the document; raise ValidationFailed, which names each wrong field.

    The `context` holds what the schema's validators need besides the document, such as a setting.
    """
    try:
        return schema.model_validate(document, context=context)
    except pydantic.ValidationError as error:
        raise _failure(error.errors(include_url=False, include_input=False)) from None


def _failure(errors: Iterable[Any]) -> ValidationFailed:
    field_errors: dict[str, list[str]] = {}
    form_errors: list[str] = []
    for error in islice(errors, MOST_ERRORS):
        field, *path = [str(part) for part in error["loc"]] or [""]
        message = _message(error)
        if field:
            field_errors.setdefault(field, []).append(f"{'.'.join(path)}: {message}" if path else message)
        else:
            form_errors.append(message)
    return ValidationFailed(field_errors, form_errors)


def _message(error: Any) -> str:
    limits = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a known field"
        case "model_type" | "model_attributes_type":
            return "must be a JSON object"
        case "too_short":
            return f"must have at least {limits['min_length']} {_counted(limits)}"
        case "too_long":
            return f"must have at most {limits['max_length']} {_counted(limits)}"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")


def _counted(limits: Any) -> str:
    return "items" if limits["field_type"] == "List" else "characters"
