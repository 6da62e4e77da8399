"""docs/contract/BEHAVIOUR.md, "Auth", and what it says of tokens in "Envelope, errors, configuration"."""

import json
from typing import Any

import httpx
import pytest
from joserfc.jws import extract_compact

from services.kit.core.instants import now
from tests.contract.samples import event_body, new_event, parsed
from tests.contract.tokens import Tokens
from tests.installation import ADMIN
from tests.matching import Matching
from tests.refusals import UNAUTHORIZED, refusal

INVALID_CREDENTIALS = refusal(401, "INVALID_CREDENTIALS", "The username or the password is wrong")


def claims_of(token: str) -> Any:
    """Return the claims of the token, unverified."""
    return json.loads(extract_compact(token.encode()).payload)


def test_a_sign_in_gives_a_token_that_names_its_bearer(learner: httpx.Client) -> None:
    """The access token is a JWT with `sub`, `username` and `role: "admin"`."""
    status, body = parsed(learner.post("/api/admin/login", json=ADMIN))
    token = body["accessToken"]
    assert (status, body) == (
        200,
        {
            "accessToken": token,
            "tokenType": "Bearer",
            "expiresIn": 900,
            "refreshToken": Matching(r"[\w-]{43}"),
            "refreshExpiresIn": 86_400,
            "user": {"id": "admin-1", "username": ADMIN["username"]},
        },
    )
    claims = claims_of(token)
    assert {name: claims[name] for name in ("sub", "username", "role")} == {
        "sub": "admin-1",
        "username": ADMIN["username"],
        "role": "admin",
    }


def test_a_token_lives_for_fifteen_minutes(learner: httpx.Client) -> None:
    """JWT_ACCESS_TTL (15m)"""
    claims = claims_of(learner.post("/api/admin/login", json=ADMIN).json()["accessToken"])
    assert claims["exp"] - claims["iat"] == 15 * 60


def test_a_wrong_password_and_an_unknown_user_get_the_same_response(learner: httpx.Client) -> None:
    """Wrong password and unknown user are the same 401 INVALID_CREDENTIALS, at the same cost in time."""
    attempts = (
        {**ADMIN, "password": "not the password"},
        {**ADMIN, "password": ADMIN["password"] + " "},
        {**ADMIN, "password": ADMIN["password"].upper()},
        {**ADMIN, "username": "nobody"},
        {"username": "nobody", "password": "not the password"},
        {**ADMIN, "username": ADMIN["username"].upper()},
    )
    responses = [learner.post("/api/admin/login", json=attempt) for attempt in attempts]
    assert [parsed(response) for response in responses] == [INVALID_CREDENTIALS] * len(attempts)
    headers = [sorted(each.headers) for each in responses]
    assert headers == [headers[0]] * len(attempts)


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Basic YWRtaW46YWRtaW4xMjM=", "Bearer a.b", "Bearer a.b.c", "a.b.c"]
)
def test_a_missing_or_malformed_token_is_refused(learner: httpx.Client, authorization: str) -> None:
    """401 UNAUTHORIZED when the bearer token is missing, malformed, expired or forged"""
    response = learner.get("/api/events", headers={"Authorization": authorization})
    assert parsed(response) == UNAUTHORIZED
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_valid_token_is_accepted(learner: httpx.Client, tokens: Tokens) -> None:
    """401 UNAUTHORIZED when the bearer token is missing, malformed, expired or forged"""
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {tokens.access_token()}"}
        assert learner.get("/api/events", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": int(now().timestamp()) - 60},
        {"exp": None},
        {"exp": "tomorrow"},
        {"aud": ["another"]},
        {"aud": None},
        {"iss": "another"},
        {"sub": None},
        {"role": None},
        {"username": 7},
        {"sid": None},
        {"jti": None},
        {"nbf": 2**40},
        {"iat": 2**40},
        {"exp": 2.5e9},
    ],
)
def test_an_expired_token_or_one_with_wrong_claims_is_refused(
    learner: httpx.Client, tokens: Tokens, claims: dict[str, Any]
) -> None:
    """401 UNAUTHORIZED when the bearer token is missing, malformed, expired or forged"""
    headers = {"Authorization": f"Bearer {tokens.access_token(**claims)}"}
    assert parsed(learner.get("/api/events", headers=headers)) == UNAUTHORIZED


def test_a_forged_token_is_refused(admin: httpx.Client, learner: httpx.Client, tokens: Tokens) -> None:
    """401 UNAUTHORIZED when the bearer token is missing, malformed, expired or forged"""
    header, payload, signature = tokens.access_token().split(".")
    _, other_payload, _ = tokens.access_token(username="someone else").split(".")
    forged = (
        tokens.of_another_key(),
        tokens.of_an_unknown_key(),
        tokens.of_another_type(),
        tokens.unsigned(),
        tokens.under_the_public_key_as_a_secret(),
        f"{header}.{other_payload}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[::-1]}",
    )
    event = new_event(admin)
    for token in forged:
        headers = {"Authorization": f"Bearer {token}"}
        assert parsed(learner.get("/api/events", headers=headers)) == UNAUTHORIZED
        assert parsed(learner.post("/api/events", json=event_body(), headers=headers)) == UNAUTHORIZED
        assert parsed(learner.delete(f"/api/events/{event['id']}", headers=headers)) == UNAUTHORIZED
    assert parsed(admin.get(f"/api/events/{event['id']}")) == (200, {"item": event})


def test_the_token_is_checked_before_anything_else(learner: httpx.Client) -> None:
    """401 UNAUTHORIZED when the bearer token is missing, malformed, expired or forged"""
    assert parsed(learner.post("/api/events", content=b"{", headers={"Content-Type": "text/plain"})) == UNAUTHORIZED
    assert parsed(learner.get("/api/events/unknown")) == UNAUTHORIZED
    assert parsed(learner.patch("/api/events")) == UNAUTHORIZED
