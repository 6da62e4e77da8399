"""People over HTTP: whole responses of each address."""

from typing import Any

from tests.auth.client import AuthClient
from tests.matching import NEW_ID, Matching
from tests.refusals import Response, invalid, refusal

USERS = "/api/admin/users"
NOON, LATER, A_WEEK_LATER = "2026-03-01T12:00:00.000Z", "2026-03-01T12:01:00.000Z", "2026-03-08T12:01:00.000Z"
INITIAL_PASSWORD: Any = Matching("([a-z2-9]{4}-){6}[a-z2-9]{4}")
ADA = {
    "id": "admin-1",
    "username": "ada",
    "role": "owner",
    "disabled": False,
    "initialPasswordEndsAt": None,
    "createdAt": NOON,
    "updatedAt": NOON,
}
GRACE = {**ADA, "id": NEW_ID, "username": "grace", "role": "editor", "createdAt": LATER, "updatedAt": LATER} | {
    "initialPasswordEndsAt": A_WEEK_LATER
}


def invite(client: AuthClient, username: str = "grace", role: str = "editor") -> Any:
    response = client.owner("POST", USERS, {"username": username, "role": role})
    assert response.status == 201
    return response.document


def test_an_invitation_shows_the_initial_password_once(client: AuthClient) -> None:
    document = {"username": " grace ", "role": "editor", "id": "mine", "disabled": True, "password": "of my own"}
    response = client.owner("POST", USERS, document)
    assert response == Response(201, {"item": GRACE, "initialPassword": INITIAL_PASSWORD})
    address = f"{USERS}/{response.document['item']['id']}"
    taken = refusal(409, "USERNAME_CONFLICT", "Another admin already has this username")
    later = [
        client.owner("GET", USERS),
        client.owner("GET", address),
        client.owner("PUT", address, {"role": "editor"}),
        client.owner("POST", USERS, {"username": "grace", "role": "viewer"}),
    ]
    everyone, item = Response(200, {"items": [ADA, GRACE]}), Response(200, {"item": GRACE})
    assert later == [everyone, item, item, taken]
    assert response.document["initialPassword"] not in str(later)


def test_only_role_and_disabling_can_be_changed(client: AuthClient) -> None:
    address = f"{USERS}/{invite(client)['item']['id']}"
    changed = {**GRACE, "role": "owner", "disabled": True}
    assert client.owner("PUT", address, {"role": "owner", "disabled": True}) == Response(200, {"item": changed})
    others = {"disabled": False, "username": "eve", "passwordHash": "x", "initialPasswordEndsAt": None, "id": "x"}
    assert client.owner("PUT", address, others) == Response(200, {"item": {**changed, "disabled": False}})
    assert client.owner("PUT", address, {}) == invalid({}, ["At least one field is required"])
    assert client.owner("GET", address) == Response(200, {"item": {**changed, "disabled": False}})
