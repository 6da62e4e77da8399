"""services.kit.web.schemas: what the wire takes, and how it names what it does not."""

from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, Field

from services.kit.core.errors import ValidationFailed
from services.kit.web.schemas import Instant, Integer, Patch, Schema, Text, WebAddress, validated


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


def refusal(schema: type[Any], document: object) -> Any:
    """The details of the validation error."""
    with pytest.raises(ValidationFailed) as refused:
        validated(schema, document)
    assert (refused.value.status, refused.value.code) == (400, "VALIDATION_ERROR")
    return refused.value.extra["details"]


def fields(**errors: list[str]) -> dict[str, object]:
    """Details with errors of fields alone."""
    return {"formErrors": [], "fieldErrors": errors}


def test_camel_case_outside_is_snake_case_inside_and_the_unknown_is_ignored() -> None:
    document = {
        "shortTitle": " Opening"[:6],
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
        short_title="Openi",
        size=20,
        is_open=True,
        starts_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        address="https://files.example/a?b#c",
        hero=Inner.model_construct(cta_text="Go"),
        tags=["x"],
    )


def test_the_names_inside_are_not_names_outside() -> None:
    assert validated(Outer, {"short_title": "x" * 100}) == Outer()
    assert refusal(Required, {"first_name": "Ada"}) == fields(firstName=["is required"], lastName=["is required"])


@pytest.mark.parametrize("document", [[], "text", 1, None, True, [["shortTitle", "title"]]])
def test_what_is_no_object_is_an_error_of_the_form(document: object) -> None:
    assert refusal(Outer, document) == {"formErrors": ["must be a JSON object"], "fieldErrors": {}}


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
def test_each_field_is_named_with_what_it_must_be(document: object, errors: dict[str, list[str]]) -> None:
    assert refusal(Outer, document) == fields(**errors)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shortTitle", 12),
        ("shortTitle", None),
        ("shortTitle", True),
        ("size", "20"),
        ("size", 20.5),
        ("size", True),
        ("size", float("inf")),
        ("size", None),
        ("size", -1),
        ("isOpen", "true"),
        ("isOpen", 1),
        ("tags", "a"),
        ("tags", {"0": "a"}),
        ("address", 1),
    ],
)
def test_nothing_is_coerced(field: str, value: object) -> None:
    details = refusal(Outer, {field: value})

    assert (details["formErrors"], list(details["fieldErrors"])) == ([], [field])


def test_all_fields_that_are_wrong_are_named_at_once() -> None:
    details = refusal(Outer, {"shortTitle": 1, "size": "x", "hero": 1})

    assert set(details["fieldErrors"]) == {"shortTitle", "size", "hero"}


def test_what_was_sent_is_not_repeated() -> None:
    assert "canary" not in str(refusal(Outer, {"shortTitle": "canary-secret", "size": "canary", "startsAt": "canary"}))


@given(st.text(st.characters(categories=["Cc"], exclude_characters="\t\n\r"), min_size=1))
def test_control_characters_have_no_place_in_a_text(controls: str) -> None:
    assert refusal(Required, {"firstName": f"a{controls}b", "lastName": ""}) == fields(
        firstName=["must not contain control characters"]
    )


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_every_other_text_is_taken_and_trimmed(text: str) -> None:
    assert validated(Required, {"firstName": text, "lastName": "a\tb\r\nc"}) == Required.model_construct(
        first_name=text.strip(), last_name="a\tb\r\nc"
    )


@given(st.integers(-(2**53), 2**53))
def test_a_number_without_a_fraction_is_whole_however_it_is_written(number: int) -> None:
    assert validated(OuterPatch, {"size": float(number)}).changes() == {"size": number}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "files.example/a",
        "//files.example/a",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://files.example/a",
        "file:///etc/passwd",
        "https://",
        "https:///a",
        "https:files.example",
        "https://files.example:port/",
        "https://files.example:99999/",
        "https://files.example:0/",
        "https://[::1/",
        "https://files.example/a b",
        "https://files.example/\u00a0b",
    ],
)
def test_only_http_and_https_addresses_are_addresses(address: str) -> None:
    assert refusal(Outer, {"address": address}) == fields(address=["must be an http or https address"])


@pytest.mark.parametrize("address", ["http://a", "HTTPS://files.example", "https://[2001:db8::1]:8443/é?x=1#y"])
def test_an_address_is_taken_as_it_is(address: str) -> None:
    assert validated(Outer, {"address": address}).address == address


def test_a_patch_knows_what_was_sent() -> None:
    assert validated(OuterPatch, {"title": None}).changes() == {"title": None}
    assert validated(OuterPatch, {"size": 0, "unknown": 1}).changes() == {"size": 0}


@pytest.mark.parametrize("document", [{}, {"unknown": 1}])
def test_a_patch_that_changes_nothing_is_an_error_of_the_form(document: object) -> None:
    assert refusal(OuterPatch, document) == {"formErrors": ["At least one field is required"], "fieldErrors": {}}
