"""docs/contract/BEHAVIOUR.md, "Auth", and what it says of tokens in "Envelope, errors, configuration"."""

import json
import unicodedata
from typing import Any

import httpx
import pytest
from joserfc.jws import extract_compact

from tests.contract.people import LOGIN, OWN, USERS, a_name, invited, settled
from tests.contract.samples import parsed
from tests.contract.tokens import Tokens
from tests.installation import ADMIN, Installation
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
        {**ADMIN, "username": ADMIN["username"] + "."},
    )
    responses = [learner.post("/api/admin/login", json=attempt) for attempt in attempts]
    assert [parsed(response) for response in responses] == [INVALID_CREDENTIALS] * len(attempts)
    headers = [sorted(each.headers) for each in responses]
    assert headers == [headers[0]] * len(attempts)


def test_a_name_is_one_however_it_is_typed(admin: httpx.Client, learner: httpx.Client) -> None:
    """Access keys, slugs and user names are compared in Unicode NFC, without white space and invisible characters"""
    username = f"José {a_name()}"
    initial = admin.post(USERS, json={"username": f" {username} ", "role": "viewer"}).json()["initialPassword"]
    typed = (username.upper(), f"\u200b{username}\ufeff ", unicodedata.normalize("NFD", username.swapcase()))
    first = {"username": typed[0], "password": initial, "newPassword": OWN}
    assert learner.post(LOGIN, json=first).json()["user"]["username"] == username
    for each in typed:
        assert learner.post(LOGIN, json={"username": each, "password": OWN}).json()["user"]["username"] == username
        assert admin.post(USERS, json={"username": each, "role": "viewer"}).status_code == 409


def test_of_names_that_collide_each_is_found_by_its_spelling(
    stack: Installation, admin: httpx.Client, learner: httpx.Client
) -> None:
    """User names are one when they are equal in NFC and case folding. Of stored names that collide already each is
    found by its exact spelling only, any other spelling is 401; no row is renamed and no new collision is made."""
    (first, _), (second, _) = (settled(admin, learner, "viewer") for _ in range(2))
    name = first["username"]
    # As an earlier release could store it.
    values = f"username = '{name.upper()}', username_key = '{name}'"
    assert stack.rows("auth", f"UPDATE admins SET {values} WHERE id = '{second['id']}' RETURNING id")
    found = [learner.post(LOGIN, json={"username": each, "password": OWN}) for each in (name, name.upper())]
    assert [each.json()["user"] for each in found] == [
        {"id": first["id"], "username": name},
        {"id": second["id"], "username": name.upper()},
    ]
    for other in (name.capitalize(), f"{name}\u200b"):
        assert parsed(learner.post(LOGIN, json={"username": other, "password": OWN})) == INVALID_CREDENTIALS
    for taken in (name, name.upper(), name.capitalize()):
        assert admin.post(USERS, json={"username": taken, "role": "viewer"}).status_code == 409


@pytest.mark.parametrize("username", ["\u200b\u2060\ufeff", "ada\nlovelace", "ada\u2028lovelace", "ada\u202ecelevol"])
def test_a_new_name_is_one_line_that_people_see(admin: httpx.Client, username: str) -> None:
    """A one-line text (title, option, file name, user name) has a visible character, and neither line breaks nor
    characters that override its direction"""
    response = admin.post(USERS, json={"username": username, "role": "viewer"})
    assert (response.status_code, [*response.json()["details"]["fieldErrors"]]) == (400, ["username"])


def test_a_person_is_taken_back_as_they_were_read(admin: httpx.Client, learner: httpx.Client) -> None:
    """what stands under `item` is taken by PUT, whatever row is stored, and by POST with another slug, lesson or user
    name as far as it is legal today (else 400 by field)"""
    invited_person, (settled_person, sign_in) = invited(admin, "owner")["item"], settled(admin, learner, "editor")
    disabled = admin.put(f"{USERS}/{invited(admin, 'viewer')['item']['id']}", json={"disabled": True}).json()["item"]
    for item in (invited_person, settled_person, disabled):
        address = f"{USERS}/{item['id']}"
        assert parsed(admin.get(address)) == parsed(admin.put(address, json=item)) == (200, {"item": item})
        again = admin.post(USERS, json={**item, "username": a_name()})
        assert (again.status_code, again.json()["item"]["role"]) == (201, item["role"])
    # Nothing was changed, so that no session ended.
    assert learner.post("/api/admin/token/refresh", json={"refreshToken": sign_in["refreshToken"]}).status_code == 200


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
