"""services.auth.resources.me: what people see and change of themselves."""

from typing import Any

import pytest

from tests.auth.client import AuthClient
from tests.auth.examples import PASSWORD
from tests.auth.memory import InMemoryAuthStore
from tests.matching import Matching
from tests.refusals import NOT_JSON, UNAUTHORIZED, Answer, invalid, refusal

ME = "/api/admin/me"
CHANGE = "/api/admin/me/password"
NEW = "a new password of mine"
WRONG = refusal(401, "INVALID_CREDENTIALS", "The current password is wrong")


def change(client: AuthClient, sign_in: Any, **changes: Any) -> Answer:
    """Change the password, but for the changes."""
    return client.admin(sign_in, "POST", CHANGE, {"currentPassword": PASSWORD, "newPassword": NEW, **changes})


def test_whoever_is_signed_in_is_told_who_that_is(client: AuthClient) -> None:
    instant = "2026-03-01T12:00:00.000Z"
    me = {"id": "admin-1", "username": "ada", "role": "owner", "createdAt": instant, "updatedAt": instant}
    assert client.admin(client.login(), "GET", ME) == Answer(200, {"item": me})


def test_a_changed_password_is_answered_with_a_fresh_session_and_ends_those_before(client: AuthClient) -> None:
    sign_in, other = client.login(), client.login()
    answer = change(client, sign_in)
    assert answer == Answer(
        200,
        {
            "accessToken": Matching(r"[\w-]+\.[\w-]+\.[\w-]+"),
            "tokenType": "Bearer",
            "expiresIn": 900,
            "refreshToken": Matching(r"[\w-]{43}"),
            "refreshExpiresIn": 86_400,
            "user": {"id": "admin-1", "username": "ada"},
        },
    )
    assert [client.admin(each, "GET", ME).status for each in (answer.document, sign_in, other)] == [200, 401, 401]
    assert client.login(password=NEW)["user"] == {"id": "admin-1", "username": "ada"}


@pytest.mark.parametrize("current", ["wrong password", PASSWORD + " ", PASSWORD.upper()])
def test_a_wrong_current_password_changes_nothing(client: AuthClient, current: str) -> None:
    sign_in = client.login()
    assert change(client, sign_in, currentPassword=current) == WRONG
    assert client.admin(sign_in, "GET", ME).status == 200
    assert client.login()["user"]["id"] == "admin-1"


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"newPassword": "eleven char"}, invalid({"newPassword": ["must have at least 12 characters"]})),
        ({"newPassword": ""}, invalid({"newPassword": ["must have at least 12 characters"]})),
        ({"newPassword": PASSWORD}, invalid({"newPassword": ["must differ from the password that it replaces"]})),
        ({"newPassword": "a" * 1025}, invalid({"newPassword": [Matching(".+")]})),
        ({"newPassword": None}, invalid({"newPassword": [Matching(".+")]})),
        ({"currentPassword": "short"}, invalid({"currentPassword": [Matching(".+")]})),
        (
            {"currentPassword": 7, "newPassword": []},
            invalid({"currentPassword": [Matching(".+")], "newPassword": [Matching(".+")]}),
        ),
    ],
)
def test_what_will_not_do_is_refused_by_its_field(client: AuthClient, changes: Any, answer: Answer) -> None:
    sign_in = client.login()
    assert change(client, sign_in, **changes) == answer
    assert client.admin(sign_in, "GET", ME).status == 200


def test_both_passwords_are_needed_as_json(client: AuthClient) -> None:
    sign_in = client.login()
    missing = invalid({"currentPassword": ["is required"], "newPassword": ["is required"]})
    assert client.admin(sign_in, "POST", CHANGE, {}) == missing
    assert client.admin(sign_in, "POST", CHANGE) == NOT_JSON


def test_no_refusal_repeats_a_password(client: AuthClient) -> None:
    sign_in = client.login()
    for changes in (
        {"newPassword": "canary"},
        {"currentPassword": "canary" * 200},
        {"currentPassword": "canary-wrong"},
    ):
        assert "canary" not in str(change(client, sign_in, **changes))


def test_whoever_is_not_there_any_more_is_unauthorized(client: AuthClient) -> None:
    sign_in = client.login()
    assert isinstance(client.auth.store, InMemoryAuthStore)
    client.auth.store.forget_admins()
    assert client.admin(sign_in, "GET", ME) == UNAUTHORIZED
    assert change(client, sign_in) == UNAUTHORIZED
