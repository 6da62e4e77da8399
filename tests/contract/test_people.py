"""People and roles beyond the baseline: invitations, roles, and how they are taken away."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.contract.conftest import judged
from tests.contract.people import LOGIN, OWN, USERS, a_name, settled
from tests.contract.samples import Json, new_event, parsed
from tests.installation import Installation
from tests.matching import NEW_ID, Matching
from tests.refusals import FORBIDDEN, UNAUTHORIZED, invalid, refusal
from tests.waiting import until

INSTANT: Any = Matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
INITIAL_PASSWORD: Any = Matching("([a-z2-9]{4}-){6}[a-z2-9]{4}")
SOME_TEXT = Matching(".+")
WRONG = refusal(401, "INVALID_CREDENTIALS", "The username or the password is wrong")


def person(username: str, role: str, **fields: Any) -> Json:
    """Return the item of an invited person who has not signed in."""
    return {
        "id": NEW_ID,
        "username": username,
        "role": role,
        "disabled": False,
        "initialPasswordEndsAt": INSTANT,
        "createdAt": INSTANT,
        "updatedAt": INSTANT,
        **fields,
    }


@contextmanager
def acting(stack: Installation, sign_in: Json) -> Iterator[httpx.Client]:
    """Return a client with that access token."""
    with judged(stack.client(Authorization=f"Bearer {sign_in['accessToken']}")) as client:
        yield client


def test_an_invited_person_must_choose_a_password_to_sign_in(admin: httpx.Client, learner: httpx.Client) -> None:
    username = a_name()
    response = admin.post(USERS, json={"username": username, "role": "viewer"})
    assert parsed(response) == (201, {"item": person(username, "viewer"), "initialPassword": INITIAL_PASSWORD})
    address, initial = f"{USERS}/{response.json()['item']['id']}", response.json()["initialPassword"]
    credentials = {"username": username, "password": initial}

    assert parsed(learner.post(LOGIN, json=credentials)) == refusal(
        403,
        "PASSWORD_CHANGE_REQUIRED",
        "This password was made for you: sign in with it once more and add newPassword, one of your own",
    )
    assert parsed(learner.post(LOGIN, json={**credentials, "newPassword": "administrator"})) == invalid(
        {"newPassword": [Matching("is too easy to guess: .+")]}
    )
    assert learner.post(LOGIN, json={**credentials, "newPassword": OWN}).status_code == 200
    assert parsed(learner.post(LOGIN, json=credentials)) == WRONG
    assert learner.post(LOGIN, json={"username": username, "password": OWN}).status_code == 200
    assert parsed(admin.get(address)) == (200, {"item": person(username, "viewer", initialPasswordEndsAt=None)})


def test_a_changed_role_takes_effect_everywhere_within_seconds(
    stack: Installation, admin: httpx.Client, learner: httpx.Client
) -> None:
    somebody, sign_in = settled(admin, learner, "editor")
    address, event = f"{USERS}/{somebody['id']}", new_event(admin)
    with acting(stack, sign_in) as client:
        assert client.put(f"/api/events/{event['id']}", json={"title": "By an editor"}).status_code == 200
        assert parsed(admin.put(address, json={"role": "viewer"})) == (
            200,
            {"item": {**somebody, "role": "viewer", "updatedAt": INSTANT}},
        )
        until(lambda: parsed(client.get("/api/events")) == UNAUTHORIZED, "the old token is refused")
        assert parsed(client.put(f"/api/events/{event['id']}", json={"title": "Too late"})) == UNAUTHORIZED
        assert parsed(client.get("/api/admin/me")) == UNAUTHORIZED
    again = learner.post(LOGIN, json={"username": somebody["username"], "password": OWN}).json()
    with acting(stack, again) as client:
        assert client.get("/api/events").status_code == 200
        assert parsed(client.put(f"/api/events/{event['id']}", json={"title": "As a viewer"})) == FORBIDDEN
    assert admin.get(f"/api/events/{event['id']}").json()["item"]["title"] == "By an editor"


def test_a_disabled_person_is_refused_within_seconds_until_enabled(
    stack: Installation, admin: httpx.Client, learner: httpx.Client
) -> None:
    somebody, sign_in = settled(admin, learner, "viewer")
    address, credentials = f"{USERS}/{somebody['id']}", {"username": somebody["username"], "password": OWN}
    with acting(stack, sign_in) as client:
        assert client.get("/api/quizzes").status_code == 200
        disabled = {**somebody, "disabled": True, "updatedAt": INSTANT}
        assert parsed(admin.put(address, json={"disabled": True})) == (200, {"item": disabled})
        until(lambda: parsed(client.get("/api/quizzes")) == UNAUTHORIZED, "the old token is refused")
    assert parsed(learner.post(LOGIN, json=credentials)) == WRONG
    refreshed = learner.post("/api/admin/token/refresh", json={"refreshToken": sign_in["refreshToken"]})
    assert (refreshed.status_code, refreshed.json()["error"]) == (401, "INVALID_REFRESH_TOKEN")

    enabled = {**somebody, "updatedAt": INSTANT}
    assert parsed(admin.put(address, json={"disabled": False})) == (200, {"item": enabled})
    assert learner.post(LOGIN, json=credentials).status_code == 200
