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
        assert credentials.username == credentials.username.strip()
        # Passwords are never trimmed.
        assert credentials.password == document["password"]


def test_good_documents_are_accepted() -> None:
    credentials = validated(Credentials, {**CREDENTIALS, "username": " ada\n", "remember": True, "newPassword": None})
    assert credentials == Credentials.model_construct(
        username="ada", password=CREDENTIALS["password"], new_password=None
    )
    assert validated(Refresh, {"refreshToken": "a" * 200}).refresh_token == "a" * 200
    assert validated(PersonPatch, {"role": "viewer", "id": "x"}).changes() == PersonChanges(role="viewer")
    assert validated(PersonPatch, {"disabled": False}).changes() == PersonChanges(disabled=False)


@pytest.mark.parametrize(
    ("schema", "document", "fields"),
    [
        (Credentials, {}, {"username": [REQUIRED], "password": [REQUIRED]}),
        (Credentials, {**CREDENTIALS, "username": "  ab  "}, {"username": [SOME_TEXT]}),
        (Credentials, {**CREDENTIALS, "username": "a" * 201}, {"username": [SOME_TEXT]}),
        (Credentials, {**CREDENTIALS, "username": "ada\0"}, {"username": ["must not contain control characters"]}),
        (Credentials, {**CREDENTIALS, "username": 123}, {"username": [SOME_TEXT]}),
        (Credentials, {**CREDENTIALS, "password": "12345"}, {"password": [SOME_TEXT]}),
        (Credentials, {**CREDENTIALS, "password": "a" * 1025}, {"password": [SOME_TEXT]}),
        (Credentials, {**CREDENTIALS, "password": None}, {"password": [SOME_TEXT]}),
        (Credentials, {**CREDENTIALS, "password": ["secret1"]}, {"password": [SOME_TEXT]}),
        (Credentials, {**CREDENTIALS, "newPassword": "a" * 1025}, {"newPassword": [SOME_TEXT]}),
        (Credentials, {**CREDENTIALS, "newPassword": 17}, {"newPassword": [SOME_TEXT]}),
        (Refresh, {}, {"refreshToken": [REQUIRED]}),
        (Refresh, {"refreshToken": None}, {"refreshToken": [SOME_TEXT]}),
        (Refresh, {"refreshToken": 7}, {"refreshToken": [SOME_TEXT]}),
        (Refresh, {"refreshToken": ""}, {"refreshToken": [SOME_TEXT]}),
        (Refresh, {"refreshToken": "a" * 201}, {"refreshToken": [SOME_TEXT]}),
        (PasswordChange, {}, {"currentPassword": [REQUIRED], "newPassword": [REQUIRED]}),
        (PasswordChange, {**CHANGE, "newPassword": "a" * 1025}, {"newPassword": [SOME_TEXT]}),
        (PasswordChange, {**CHANGE, "newPassword": None}, {"newPassword": [SOME_TEXT]}),
        (PasswordChange, {**CHANGE, "currentPassword": "short"}, {"currentPassword": [SOME_TEXT]}),
        (NewPerson, {}, {"username": [REQUIRED], "role": [REQUIRED]}),
        (NewPerson, {**PERSON, "username": "ab"}, {"username": [SOME_TEXT]}),
        (NewPerson, {**PERSON, "username": ["grace"]}, {"username": [SOME_TEXT]}),
        (NewPerson, {**PERSON, "role": "admin"}, {"role": [SOME_TEXT]}),
        (NewPerson, {**PERSON, "role": "Owner"}, {"role": [SOME_TEXT]}),
        (NewPerson, {**PERSON, "role": None}, {"role": [SOME_TEXT]}),
        (PersonPatch, {"role": "root"}, {"role": [SOME_TEXT]}),
        (PersonPatch, {"role": None}, {"role": [SOME_TEXT]}),
        (PersonPatch, {"disabled": None}, {"disabled": [SOME_TEXT]}),
        (PersonPatch, {"disabled": "true"}, {"disabled": [SOME_TEXT]}),
        (PersonPatch, {"disabled": 1}, {"disabled": [SOME_TEXT]}),
        (PersonPatch, {}, EMPTY_PATCH),
        (PersonPatch, {"username": "eve"}, EMPTY_PATCH),
        (PersonPatch, [], (["must be a JSON object"], {})),
        (NewGrant, {}, {"eventId": [REQUIRED], "fingerprint": [REQUIRED]}),
        (NewGrant, {**GRANT, "eventId": ""}, {"eventId": [SOME_TEXT]}),
        (NewGrant, {**GRANT, "eventId": None}, {"eventId": [SOME_TEXT]}),
        (NewGrant, {**GRANT, "fingerprint": "let-me-in"}, {"fingerprint": [SOME_TEXT]}),
        (NewGrant, {**GRANT, "fingerprint": "F" * 64}, {"fingerprint": [SOME_TEXT]}),
        (NewGrant, {**GRANT, "fingerprint": "f" * 64 + "\n"}, {"fingerprint": [SOME_TEXT]}),
    ],
)
def test_a_bad_document_is_refused_by_its_fields(schema: type[BaseModel], document: Any, fields: Any) -> None:
    form_errors, field_errors = fields if isinstance(fields, tuple) else ([], fields)
    with pytest.raises(ValidationFailed) as error:
        validated(schema, document)
    assert error.value.extra == {"details": {"formErrors": form_errors, "fieldErrors": field_errors}}


def test_no_refusal_repeats_a_secret() -> None:
    canary = "canary" * 200
    for schema, document in (
        (Credentials, {"username": [canary], "password": canary, "newPassword": canary}),
        (PasswordChange, {"currentPassword": canary, "newPassword": canary}),
        (Refresh, {"refreshToken": canary}),
    ):
        with pytest.raises(ValidationFailed) as error:
            validated(schema, document)
        assert "canary" not in repr(error.value.extra)


def test_the_json_schemas_of_requests_have_every_constraint() -> None:
    credentials, patch = Credentials.model_json_schema(by_alias=True), PersonPatch.model_json_schema(by_alias=True)
    fields = credentials["properties"]
    assert credentials["required"] == ["username", "password"]
    # tests/contract/test_texts.py compares the pattern with what the schema accepts.
    assert (fields["username"]["minLength"], fields["username"]["maxLength"]) == (3, 200)
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
