"""Auth's schemas: which documents are accepted, what refusals name, and what the JSON schemas say."""

from typing import Any

import pytest
from hypothesis import given
from pydantic import BaseModel, TypeAdapter

from services.auth.entities import PersonChanges
from services.auth.schemas.grants import GrantView, NewGrant
from services.auth.schemas.people import InvitationView, MeView, NewPerson, PersonPatch, PersonView
from services.auth.schemas.sign_in import Credentials, PasswordChange, Refresh, SignInView
from services.kit.core.errors import ValidationFailed
from services.kit.web.schemas import validated
from tests.documents import judged, nearly
from tests.matching import Matching

CREDENTIALS = {"username": "admin", "password": " a password of some length "}
CHANGE = {"currentPassword": "a password", "newPassword": "another password"}
PERSON = {"username": "grace", "role": "editor"}
GRANT = {"eventId": "event-1", "fingerprint": "0123456789abcdef" * 4}
REQUIRED = "is required"
# The kit's tests check its messages.
SOME_TEXT: Any = Matching(".+")
EMPTY_PATCH: Any = (["At least one field is required"], {})


@given(nearly(CREDENTIALS))
def test_any_document_is_credentials_or_refused(document: Any) -> None:
    credentials = judged(Credentials, document)
    if isinstance(credentials, Credentials):
        # Of names that collide each is found by its spelling, and passwords are never changed.
        assert credentials.username == document["username"]
        assert credentials.password == document["password"]


def test_good_documents_are_accepted() -> None:
    credentials = validated(Credentials, {**CREDENTIALS, "username": " ada\n", "remember": True, "newPassword": None})
    assert credentials == Credentials.model_construct(
        username=" ada\n", password=CREDENTIALS["password"], new_password=None
    )
    for username in ("jose\u0301" * 200, "jo\u0301", "क़ब", "ada\u202eb"):
        # Lengths count in either form, and rules of new names lock nobody out.
        assert validated(Credentials, {**CREDENTIALS, "username": username}).username == username
    names = {" jose\u0301 ": "josé", "علي\u200fa": "علي\u200fa", "สมชาย": "สมชาย", "e\u0301" * 200: "é" * 200}
    for sent, stored in names.items():
        assert validated(NewPerson, {**PERSON, "username": sent}).username == stored
    assert validated(Refresh, {"refreshToken": "a" * 200}).refresh_token == "a" * 200
    assert validated(PersonPatch, {"role": "viewer", "id": "x"}).changes() == PersonChanges(role="viewer")
    assert validated(PersonPatch, {"disabled": False}).changes() == PersonChanges(disabled=False)


# A good document, and bad values of its members.
BAD_VALUES: dict[type[BaseModel], tuple[dict[str, Any], dict[str, list[Any]]]] = {
    Credentials: (
        CREDENTIALS,
        {
            "username": ["  ab  ", "a" * 1001, 123],
            "password": ["12345", "a" * 1025, None, ["secret1"]],
            "newPassword": ["a" * 1025, 17],
        },
    ),
    Refresh: ({"refreshToken": "a"}, {"refreshToken": [None, 7, "", "a" * 201]}),
    PasswordChange: (CHANGE, {"newPassword": ["a" * 1025, None], "currentPassword": ["short"]}),
    NewPerson: (
        PERSON,
        {
            # Too short as seen, invisible, on two lines, with a direction override.
            "username": [
                "ab",
                "jo\u0301",
                "a" * 201,
                "\u200b" * 3,
                "ada\ngrace",
                "ada\u2028b",
                "ada\u202eb",
                ["grace"],
            ],
            "role": ["admin", "Owner", None],
        },
    ),
    PersonPatch: ({}, {"role": ["root", None], "disabled": [None, "true", 1]}),
    NewGrant: (GRANT, {"eventId": ["", None], "fingerprint": ["let-me-in", "F" * 64, "f" * 64 + "\n"]}),
}


def details_of(schema: type[BaseModel], document: Any) -> tuple[Any, Any]:
    """Return the errors of the form and those of its fields."""
    with pytest.raises(ValidationFailed) as error:
        validated(schema, document)
    details: Any = error.value.extra["details"]
    return details["formErrors"], details["fieldErrors"]


@pytest.mark.parametrize("schema", BAD_VALUES)
def test_a_bad_value_is_refused_by_its_field(schema: type[BaseModel]) -> None:
    good, bad_values = BAD_VALUES[schema]
    for field, values in bad_values.items():
        for value in values:
            assert details_of(schema, {**good, field: value}) == ([], {field: [SOME_TEXT]}), value


@pytest.mark.parametrize(
    ("schema", "document", "details"),
    [
        (Credentials, {}, ([], {"username": [REQUIRED], "password": [REQUIRED]})),
        (
            Credentials,
            {**CREDENTIALS, "username": "ada\0"},
            ([], {"username": ["must not contain control characters"]}),
        ),
        (Refresh, {}, ([], {"refreshToken": [REQUIRED]})),
        (PasswordChange, {}, ([], {"currentPassword": [REQUIRED], "newPassword": [REQUIRED]})),
        (NewPerson, {}, ([], {"username": [REQUIRED], "role": [REQUIRED]})),
        (NewGrant, {}, ([], {"eventId": [REQUIRED], "fingerprint": [REQUIRED]})),
        (PersonPatch, {}, EMPTY_PATCH),
        (PersonPatch, {"username": "eve"}, EMPTY_PATCH),
        (PersonPatch, [], (["must be a JSON object"], {})),
    ],
)
def test_an_incomplete_document_is_refused(schema: type[BaseModel], document: Any, details: Any) -> None:
    assert details_of(schema, document) == details


def test_no_refusal_repeats_a_secret() -> None:
    canary = "canary" * 200
    for schema, document in (
        (Credentials, {"username": [canary], "password": canary, "newPassword": canary}),
        (PasswordChange, {"currentPassword": canary, "newPassword": canary}),
        (Refresh, {"refreshToken": canary}),
    ):
        assert "canary" not in repr(details_of(schema, document))


def test_the_json_schemas_of_requests_have_every_constraint() -> None:
    credentials, patch = Credentials.model_json_schema(by_alias=True), PersonPatch.model_json_schema(by_alias=True)
    fields = credentials["properties"]
    assert credentials["required"] == ["username", "password"]
    # tests/contract/test_texts.py compares the pattern with what the schema accepts.
    assert (fields["username"]["minLength"], fields["username"]["maxLength"]) == (3, 1000)
    assert fields["username"]["pattern"].startswith("^[\\t-\\r ")
    assert (fields["password"]["minLength"], fields["password"]["maxLength"]) == (6, 1024)
    [new_password, null] = fields["newPassword"]["anyOf"]
    assert (new_password["minLength"], new_password["maxLength"], null) == (12, 1024, {"type": "null"})
    assert "required" not in patch
    assert (patch["minProperties"], patch["anyOf"]) == (1, [{"required": ["role"]}, {"required": ["disabled"]}])
    assert patch["properties"]["role"]["enum"] == ["owner", "editor", "viewer"]
    assert [name for name, field in patch["properties"].items() if "default" in field] == []


@pytest.mark.parametrize("view", [PersonView, InvitationView, MeView, SignInView, GrantView])
def test_every_member_of_a_view_is_required(view: Any) -> None:
    schema = TypeAdapter(view).json_schema(mode="serialization")
    assert schema["required"] == list(schema["properties"])
