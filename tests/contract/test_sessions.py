"""Additions to a sign-in: refresh tokens, logout and one's own account."""

from typing import Any

import httpx

from tests.contract.samples import Json, parsed
from tests.installation import ADMIN, Installation
from tests.matching import Matching
from tests.refusals import UNAUTHORIZED, refusal
from tests.waiting import until

LOGIN = "/api/admin/login"
REFRESH = "/api/admin/token/refresh"
LOGOUT = "/api/admin/logout"
ME = "/api/admin/me"
NOT_VALID = refusal(401, "INVALID_REFRESH_TOKEN", "The refresh token is not valid: sign in again")


def signed_in(learner: httpx.Client) -> Any:
    """Return the body of a sign-in."""
    return learner.post(LOGIN, json=ADMIN).json()


def bearer(sign_in: Json) -> dict[str, str]:
    """Return the header with its access token."""
    return {"Authorization": f"Bearer {sign_in['accessToken']}"}


def refresh(learner: httpx.Client, sign_in: Json) -> httpx.Response:
    """Send its refresh token."""
    return learner.post(REFRESH, json={"refreshToken": sign_in["refreshToken"]})


def test_a_refresh_returns_a_sign_in_and_continues_its_session(learner: httpx.Client) -> None:
    sign_in = signed_in(learner)
    response = refresh(learner, sign_in)
    assert parsed(response) == (
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
    following = response.json()
    assert following["refreshToken"] != sign_in["refreshToken"]
    assert [learner.get("/api/events", headers=bearer(each)).status_code for each in (sign_in, following)] == [200, 200]


def test_a_refresh_token_works_again_until_its_successor_is_used(learner: httpx.Client) -> None:
    first = signed_in(learner)
    second, again = refresh(learner, first).json(), refresh(learner, first).json()
    assert again["refreshToken"] == second["refreshToken"]
    third = refresh(learner, second).json()
    assert parsed(refresh(learner, first)) == NOT_VALID
    # Its session has ended.
    assert parsed(refresh(learner, third)) == NOT_VALID
    until(
        lambda: parsed(learner.get("/api/events", headers=bearer(third))) == UNAUTHORIZED,
        "its access tokens open nothing",
    )


def test_a_logout_ends_its_session_everywhere_and_no_other(stack: Installation, learner: httpx.Client) -> None:
    ended, other = signed_in(learner), signed_in(learner)
    response = learner.post(LOGOUT, headers=bearer(ended))
    assert (response.status_code, response.content) == (204, b"")
    assert parsed(refresh(learner, ended)) == NOT_VALID
    for address in ("/api/events", "/api/quizzes", ME):
        until(lambda path=address: learner.get(path, headers=bearer(ended)).status_code == 401, address)  # type: ignore[misc]
        assert learner.get(address, headers=bearer(other)).status_code == 200
    assert parsed(learner.post(LOGOUT, headers=bearer(ended))) == UNAUTHORIZED
    assert refresh(learner, other).status_code == 200


def test_me_returns_the_signed_in_person(admin: httpx.Client) -> None:
    instant = Matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
    status, body = parsed(admin.get(ME))
    me = {"id": "admin-1", "username": ADMIN["username"], "role": "owner", "createdAt": instant, "updatedAt": instant}
    assert (status, body) == (200, {"item": body["item"]})
    # More members may be added.
    assert {name: body["item"].get(name) for name in me} == me
