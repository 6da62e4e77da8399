"""services.kit.web.schemas: what request bodies may contain, and the errors of the others."""

from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from services.kit.core.errors import ValidationFailed
from services.kit.core.texts import DIRECTION_OVERRIDES, as_seen, composed
from services.kit.web.schemas import (
    MOST_ERRORS,
    Instant,
    Integer,
    OneLineText,
    Patch,
    Schema,
    Text,
    WebAddress,
    line_length,
    validated,
)


class Inner(Schema):
    model_config = ConfigDict(extra="forbid")

    cta_text: Text = ""


class Outer(Schema):
    short_title: Annotated[Text, Field(min_length=2, max_length=5)] = "title"
    size: Annotated[Integer, Field(ge=0)] = 0
    is_open: bool = False
    starts_at: Instant | None = None
    address: WebAddress | None = None
    hero: Inner = Inner()
    tags: list[Annotated[Text, Field(min_length=1)]] = Field(default=["a"], min_length=1, max_length=2)


class Required(Schema):
    first_name: Text
    last_name: Text


class OuterPatch(Patch):
    title: Text | None = None
    size: Integer = 0


def details(schema: type[Any], document: object) -> Any:
    """Return the details of the validation error."""
    with pytest.raises(ValidationFailed) as error:
        validated(schema, document)
    assert (error.value.status, error.value.code) == (400, "VALIDATION_ERROR")
    return error.value.extra["details"]


def fields(**errors: list[str]) -> dict[str, object]:
    """Return details with errors of fields alone."""
    return {"formErrors": [], "fieldErrors": errors}


def test_names_are_camel_case_and_unknown_members_are_ignored() -> None:
    document = {
        "shortTitle": " Open ",
        "short_title": "ignored",
        "size": 20.0,
        "isOpen": True,
        "startsAt": "2026-03-01T13:00:00+01:00",
        "address": " https://files.example/a?b#c ",
        "hero": {"ctaText": " Go "},
        "tags": ["x "],
        "id": "mass assignment",
        "isAdmin": True,
    }

    assert validated(Outer, document) == Outer.model_construct(
        short_title="Open",
        size=20,
        is_open=True,
        starts_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        address="https://files.example/a?b#c",
        hero=Inner.model_construct(cta_text="Go"),
        tags=["x"],
    )


@pytest.mark.parametrize("document", [[], "text", 1, None, True, [["shortTitle", "title"]]])
def test_a_document_that_is_no_object_is_an_error_of_the_form(document: object) -> None:
    assert details(Outer, document) == {"formErrors": ["must be a JSON object"], "fieldErrors": {}}


@pytest.mark.parametrize(
    ("document", "errors"),
    [
        ({"shortTitle": " x "}, {"shortTitle": ["must have at least 2 characters"]}),
        ({"shortTitle": "x" * 6}, {"shortTitle": ["must have at most 5 characters"]}),
        ({"tags": []}, {"tags": ["must have at least 1 items"]}),
        ({"tags": ["a", "b", "c"]}, {"tags": ["must have at most 2 items"]}),
        ({"tags": ["a", " "]}, {"tags": ["1: must have at least 1 characters"]}),
        ({"hero": []}, {"hero": ["must be a JSON object"]}),
        ({"hero": {"title": "x"}}, {"hero": ["title: is not a known field"]}),
        (
            {"hero": {"ctaText": "a\0", "x": 1}},
            {"hero": ["ctaText: must not contain control characters", "x: is not a known field"]},
        ),
        ({"startsAt": 1_772_366_400}, {"startsAt": ["must be an ISO 8601 instant in text"]}),
        (
            {"startsAt": "2026-02-30T00:00:00Z"},
            {"startsAt": ["must be an instant that exists, between the years 0001 and 9999"]},
        ),
    ],
)
def test_each_wrong_field_is_named_with_its_rule(document: object, errors: dict[str, list[str]]) -> None:
    assert details(Outer, document) == fields(**errors)


def test_a_missing_field_is_required() -> None:
    assert details(Required, {"first_name": "Ada"}) == fields(firstName=["is required"], lastName=["is required"])


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("shortTitle", [12, None, True]),
        ("size", ["20", 20.5, True, float("inf"), None, -1]),
        ("isOpen", ["true", 1]),
        ("tags", ["a", {"0": "a"}]),
        ("address", [1]),
    ],
)
def test_no_value_is_coerced(field: str, values: list[object]) -> None:
    for value in values:
        actual = details(Outer, {field: value})
        assert (actual["formErrors"], list(actual["fieldErrors"])) == ([], [field])


def test_a_refusal_of_a_document_is_not_many_times_as_long() -> None:
    names = [f"x{number}" for number in range(2 * MOST_ERRORS)]
    with pytest.raises(ValidationFailed) as refused:
        validated(Inner, dict.fromkeys(names, 1))
    assert [*refused.value.field_errors] == names[:MOST_ERRORS]


def test_all_wrong_fields_are_named_and_no_value_is_repeated() -> None:
    actual = details(Outer, {"shortTitle": "canary-secret", "size": "canary", "startsAt": "canary", "hero": 1})
    assert set(actual["fieldErrors"]) == {"shortTitle", "size", "startsAt", "hero"}
    assert "canary" not in str(actual)


@given(st.text(st.characters(categories=["Cc"], exclude_characters="\t\n\r"), min_size=1))
def test_a_text_must_not_contain_control_characters(controls: str) -> None:
    expected = fields(firstName=["must not contain control characters"])
    assert details(Required, {"firstName": f"a{controls}b", "lastName": ""}) == expected


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_every_other_text_is_accepted_trimmed_and_in_nfc(text: str) -> None:
    expected = composed(text.strip()) if as_seen(text) else ""
    assert validated(Required, {"firstName": text, "lastName": "a\tb\r\nc"}) == Required.model_construct(
        first_name=expected, last_name="a\tb\r\nc"
    )


LINES = TypeAdapter(Annotated[OneLineText, line_length(1, 8)])
FAMILY, PERSIAN, THAI, ACCENTED = "👨\u200d👩\u200d👧❤\ufe0f", "می\u200cخواهم", "น้ำ", "x\u0301\u0323y"


@pytest.mark.parametrize("title", [FAMILY, PERSIAN, THAI, ACCENTED, "a\u200fb\u200e", "a\tb", "\u200b\u200ba"])
def test_what_belongs_to_a_script_stays_in_a_title(title: str) -> None:
    assert LINES.validate_python(f" {title}\n") == composed(title)


def test_the_length_of_a_text_counts_after_normalising() -> None:
    assert LINES.validate_python("e\u0301" * 8) == "é" * 8
    with pytest.raises(ValidationError, match="at most 8"):
        LINES.validate_python("é" * 9)


@pytest.mark.parametrize(
    ("title", "message"),
    [
        *((f"a{each}b", "must not contain line breaks") for each in "\n\r\u2028\u2029"),
        *((f"a{each}b", "must not contain control characters") for each in "\v\f\x85"),
        *((f"a{each}b", "must not contain characters that override") for each in DIRECTION_OVERRIDES),
        *((nothing, "at least 1") for nothing in ("", " ", "\u200b", "\u2060\ufeff", "\u3164", "\u200d\ufe0f")),
    ],
)
def test_a_title_is_one_line_that_is_seen_as_it_is_stored(title: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LINES.validate_python(title)


@given(st.integers(-(2**53), 2**53))
def test_a_number_without_a_fraction_is_an_integer(number: int) -> None:
    assert validated(OuterPatch, {"size": float(number)}).model_dump(exclude_unset=True) == {"size": number}


@pytest.mark.parametrize(
    "address",
    [
        *("", "files.example/a", "//files.example/a", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"),
        *("ftp://files.example/a", "https://", "https:///a", "https:files.example", "https://files.example:port/"),
        *("https://files.example:99999/", "https://files.example:0/", "https://[::1/", "https://files.example/a b"),
        "https://files.example/\u00a0b",
    ],
)
def test_other_texts_are_no_web_addresses(address: str) -> None:
    assert details(Outer, {"address": address}) == fields(address=["must be an http or https address"])


@pytest.mark.parametrize("address", ["http://a", "HTTPS://files.example", "https://[2001:db8::1]:8443/é?x=1#y"])
def test_a_web_address_is_not_changed(address: str) -> None:
    assert validated(Outer, {"address": address}).address == address


def test_a_patch_has_the_fields_of_the_request_and_needs_one() -> None:
    assert validated(OuterPatch, {"title": None}).model_dump(exclude_unset=True) == {"title": None}
    assert validated(OuterPatch, {"size": 0, "unknown": 1}).model_dump(exclude_unset=True) == {"size": 0}
    for document in ({}, {"unknown": 1}):
        assert details(OuterPatch, document) == {"formErrors": ["At least one field is required"], "fieldErrors": {}}
