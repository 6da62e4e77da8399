"""services.auth.resources.sessions: whole answers, and what is refused."""

from typing import Any

import pytest

from tests.auth.client import AuthClient
from tests.matching import Matching
from tests.refusals import NOT_JSON, UNAUTHORIZED, Answer, invalid, refusal

REFRESH = "/internal/token/refresh"
ENDED = "/internal/ended-sessions"
LOGOUT = "/api/admin/logout"
ME = "/api/admin/me"
REFUSED = refusal(401, "INVALID_REFRESH_TOKEN", "The refresh token is not valid: sign in again")


def refresh(client: AuthClient, sign_in: Any) -> Answer:
    """Go on as the gateway passes it on."""
    return client.gateway("POST", REFRESH, {"refreshToken": sign_in["refreshToken"]})


def test_a_refresh_is_answered_as_a_login_is(client: AuthClient) -> None:
    sign_in = client.login()
    answer = refresh(client, sign_in)
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
    assert client.admin(answer.document, "GET", ME).status == 200
    assert answer.document["refreshToken"] != sign_in["refreshToken"]


def test_an_unknown_a_used_and_an_ended_token_are_the_same_refusal(client: AuthClient) -> None:
    sign_in = client.login()
    assert refresh(client, {"refreshToken": "unknown"}) == REFUSED
    successor = refresh(client, sign_in).document
    client.later(seconds=11)
    for each in (sign_in, successor, sign_in):
        assert refresh(client, each) == REFUSED
    result = client.exchange("POST", REFRESH, json={"refreshToken": "unknown"}, headers={"Authorization": "Bearer x"})
    assert result.status_code == 401


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({}, invalid({"refreshToken": ["is required"]})),
        ({"refreshToken": None}, invalid({"refreshToken": [Matching(".+")]})),
        ({"refreshToken": 7}, invalid({"refreshToken": [Matching(".+")]})),
        ({"refreshToken": ""}, invalid({"refreshToken": [Matching(".+")]})),
        ({"refreshToken": "a" * 201}, invalid({"refreshToken": [Matching(".+")]})),
        ([], invalid({}, ["must be a JSON object"])),
    ],
)
def test_what_can_be_no_refresh_token_is_refused_by_its_field(
    client: AuthClient, document: Any, answer: Answer
) -> None:
    assert client.gateway("POST", REFRESH, document) == answer


def test_a_refresh_token_that_is_no_json_is_not_read(client: AuthClient) -> None:
    assert client.gateway("POST", REFRESH) == NOT_JSON


def test_no_refusal_repeats_a_refresh_token(client: AuthClient) -> None:
    for token in ("a-canary", "a-canary" * 100):
        assert "a-canary" not in str(client.gateway("POST", REFRESH, {"refreshToken": token}))


def test_after_a_logout_neither_token_opens_anything_and_other_sessions_go_on(client: AuthClient) -> None:
    ended, other = client.login(), client.login()
    assert client.admin(ended, "POST", LOGOUT) == Answer(204, None)
    assert client.admin(ended, "GET", ME) == UNAUTHORIZED
    assert client.admin(ended, "POST", LOGOUT) == UNAUTHORIZED
    assert refresh(client, ended) == REFUSED
    assert client.admin(other, "GET", ME).status == 200
    assert refresh(client, other).status == 200


def test_a_logout_with_an_older_access_token_ends_the_session_as_well(client: AuthClient) -> None:
    sign_in = client.login()
    client.later(minutes=5)
    going_on = refresh(client, sign_in).document
    assert client.admin(sign_in, "POST", LOGOUT).status == 204
    assert client.admin(going_on, "GET", ME) == UNAUTHORIZED


def test_services_are_told_what_is_revoked(client: AuthClient) -> None:
    nothing = Answer(200, {"items": [], "keys": []})
    assert client.gateway("GET", ENDED) == nothing
    first, second, _ = client.login(), client.login(), client.login()
    assert client.gateway("GET", ENDED) == nothing
    for sign_in in (first, second):
        client.admin(sign_in, "POST", LOGOUT)
    [key] = client.auth.service.keys.list()
    client.auth.service.keys.rotate_at_once()
    ended = client.auth.service.sessions.ended()
    assert len(ended) == 2
    assert client.gateway("GET", ENDED) == Answer(200, {"items": sorted(ended), "keys": [key.id]})
    client.later(minutes=16)
    assert client.gateway("GET", ENDED) == Answer(200, {"items": [], "keys": [key.id]})
