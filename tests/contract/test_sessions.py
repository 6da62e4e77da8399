"""What a sign-in gives beyond the baseline: refresh tokens, a logout, and one's own account."""

from typing import Any

import httpx
import pytest

from tests.contract.samples import Json, parsed
from tests.contract.tokens import Tokens
from tests.installation import ADMIN, Installation
from tests.matching import Matching
from tests.refusals import METHOD_NOT_ALLOWED, NOT_JSON, UNAUTHORIZED, invalid, refusal
from tests.waiting import until

LOGIN = "/api/admin/login"
REFRESH = "/api/admin/token/refresh"
LOGOUT = "/api/admin/logout"
ME = "/api/admin/me"
PASSWORD = "/api/admin/me/password"
NOT_VALID = refusal(401, "INVALID_REFRESH_TOKEN", "The refresh token is not valid: sign in again")


def signed_in(learner: httpx.Client) -> Any:
    """A sign-in's answer."""
    return learner.post(LOGIN, json=ADMIN).json()


def bearer(sign_in: Json) -> dict[str, str]:
    """The header with its access token."""
    return {"Authorization": f"Bearer {sign_in['accessToken']}"}


def going_on(learner: httpx.Client, sign_in: Json) -> httpx.Response:
    """The answer to its refresh token."""
    return learner.post(REFRESH, json={"refreshToken": sign_in["refreshToken"]})


def test_a_refresh_is_answered_as_a_sign_in_is_and_goes_on_with_it(learner: httpx.Client) -> None:
    sign_in = signed_in(learner)
    answer = going_on(learner, sign_in)
    assert parsed(answer) == (
        200,
        {
            "accessToken": Matching(r"[\w-]+\.[\w-]+\.[\w-]+"),
            "tokenType": "Bearer",
            "expiresIn": 900,
            "refreshToken": Matching(r"[\w-]{43}"),
            "refreshExpiresIn": 86_400,
            "user": {"id": "admin-1", "username": ADMIN["username"]},
        },
    )
    following = answer.json()
    assert following["refreshToken"] != sign_in["refreshToken"]
    assert [learner.get("/api/events", headers=bearer(each)).status_code for each in (sign_in, following)] == [200, 200]


def test_a_refresh_token_may_be_shown_again_at_once_and_not_when_its_successor_was_used(learner: httpx.Client) -> None:
    first = signed_in(learner)
    second, again = going_on(learner, first).json(), going_on(learner, first).json()
    assert again["refreshToken"] == second["refreshToken"]
    third = going_on(learner, second).json()
    assert parsed(going_on(learner, first)) == NOT_VALID
    # And the whole session with it.
    assert parsed(going_on(learner, third)) == NOT_VALID
    until(
        lambda: parsed(learner.get("/api/events", headers=bearer(third))) == UNAUTHORIZED,
        "its access tokens open nothing",
    )


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"refreshToken": "unknown"}, NOT_VALID),
        ({"refreshToken": "a" * 43, "more": True}, NOT_VALID),
        ({}, invalid({"refreshToken": ["is required"]})),
        ({"refreshToken": ["a"]}, invalid({"refreshToken": [Matching(".+")]})),
    ],
)
def test_what_is_no_refresh_token_is_refused(learner: httpx.Client, body: Json, answer: Any) -> None:
    assert parsed(learner.post(REFRESH, json=body)) == answer


def test_a_refresh_needs_no_access_token_and_a_body(learner: httpx.Client) -> None:
    assert parsed(learner.post(REFRESH)) == NOT_JSON
    sign_in = signed_in(learner)
    answer = learner.post(
        REFRESH, json={"refreshToken": sign_in["refreshToken"]}, headers={"Authorization": "Bearer x"}
    )
    assert answer.status_code == 200


def test_a_logout_ends_its_session_everywhere_and_no_other(stack: Installation, learner: httpx.Client) -> None:
    ended, other = signed_in(learner), signed_in(learner)
    answer = learner.post(LOGOUT, headers=bearer(ended))
    assert (answer.status_code, answer.content) == (204, b"")
    assert parsed(going_on(learner, ended)) == NOT_VALID
    for address in ("/api/events", "/api/quizzes", ME):
        until(lambda path=address: learner.get(path, headers=bearer(ended)).status_code == 401, address)  # type: ignore[misc]
        assert learner.get(address, headers=bearer(other)).status_code == 200
    assert parsed(learner.post(LOGOUT, headers=bearer(ended))) == UNAUTHORIZED
    assert going_on(learner, other).status_code == 200


def test_whoever_is_signed_in_is_told_who_that_is(admin: httpx.Client) -> None:
    instant = Matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
    status, body = parsed(admin.get(ME))
    me = {"id": "admin-1", "username": ADMIN["username"], "role": "owner", "createdAt": instant, "updatedAt": instant}
    assert (status, body) == (200, {"item": body["item"]})
    # Whatever else is told.
    assert {name: body["item"].get(name) for name in me} == me


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (
            {"currentPassword": "not the password", "newPassword": "violins under the ferry"},
            refusal(401, "INVALID_CREDENTIALS", "The current password is wrong"),
        ),
        (
            {"currentPassword": ADMIN["password"], "newPassword": "eleven char"},
            invalid({"newPassword": [Matching(".+")]}),
        ),
        (
            {"currentPassword": ADMIN["password"], "newPassword": ADMIN["password"]},
            invalid({"newPassword": ["must differ from the password that it replaces"]}),
        ),
        ({}, invalid({"currentPassword": ["is required"], "newPassword": ["is required"]})),
    ],
)
def test_a_password_that_cannot_be_changed_stays(
    admin: httpx.Client, learner: httpx.Client, body: Json, answer: Any
) -> None:
    assert parsed(admin.post(PASSWORD, json=body)) == answer
    assert learner.post(LOGIN, json=ADMIN).status_code == 200
    assert admin.get(ME).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("POST", LOGOUT), ("GET", ME), ("POST", PASSWORD)])
def test_one_s_own_account_is_behind_the_admins_door(
    learner: httpx.Client, tokens: Tokens, method: str, path: str
) -> None:
    for token in ("nonsense", tokens.of_another_key(), tokens.unsigned(), tokens.access_token(exp=1)):
        assert parsed(learner.request(method, path, headers={"Authorization": f"Bearer {token}"})) == UNAUTHORIZED


@pytest.mark.parametrize("claims", [{"sid": None}, {"jti": None}, {"nbf": 2**40}, {"iat": 2**40}, {"exp": 2.5e9}])
def test_a_token_whose_session_or_times_are_none_opens_nothing(
    learner: httpx.Client, tokens: Tokens, claims: Json
) -> None:
    headers = {"Authorization": f"Bearer {tokens.access_token(**claims)}"}
    assert [parsed(learner.get(path, headers=headers)) for path in ("/api/events", ME)] == [UNAUTHORIZED] * 2


@pytest.mark.parametrize(("method", "path"), [("GET", REFRESH), ("GET", LOGOUT), ("POST", ME), ("GET", PASSWORD)])
def test_other_methods_are_not_taken(admin: httpx.Client, method: str, path: str) -> None:
    assert parsed(admin.request(method, path)) == METHOD_NOT_ALLOWED
