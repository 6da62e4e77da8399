"""docs/contract/BEHAVIOUR.md, "Auth", and what it says of tokens in "Envelope, errors, configuration"."""

import json
from typing import Any

import httpx
import pytest
from joserfc.jws import extract_compact

from tests.contract.samples import parsed
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


def test_the_token_is_checked_before_anything_else(learner: httpx.Client) -> None:
    """401 UNAUTHORIZED when the bearer token is missing, malformed, expired or forged"""
    assert parsed(learner.post("/api/events", content=b"{", headers={"Content-Type": "text/plain"})) == UNAUTHORIZED
    assert parsed(learner.get("/api/events/unknown")) == UNAUTHORIZED
    assert parsed(learner.patch("/api/events")) == UNAUTHORIZED
