"""People and roles beyond the baseline: invitations, roles, and how they are taken away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.conftest import judged
from tests.contract.people import LOGIN, OWN, USERS, a_name, invited, settled
from tests.contract.samples import UNKNOWN, Json, new_event, parsed
from tests.installation import ADMIN, Installation, installation
from tests.matching import NEW_ID, Matching
from tests.refusals import FORBIDDEN, UNAUTHORIZED, invalid, refusal
from tests.waiting import until

OTHER = "seven ships sail on sand"
INSTANT: Any = Matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
INITIAL_PASSWORD: Any = Matching("([a-z2-9]{4}-){6}[a-z2-9]{4}")
SOME_TEXT = Matching(".+")
NOT_FOUND = refusal(404, "ADMIN_NOT_FOUND", "Admin not found")
WRONG = refusal(401, "INVALID_CREDENTIALS", "The username or the password is wrong")
LAST_OWNER = refusal(
    409, "LAST_OWNER", "This is the only owner who can sign in: make somebody else an owner, who sets a password, first"
)


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


def test_a_lost_password_is_replaced_by_an_initial_one(
    stack: Installation, admin: httpx.Client, learner: httpx.Client
) -> None:
    somebody, sign_in = settled(admin, learner, "editor")
    response = admin.post(f"{USERS}/{somebody['id']}/password")
    item = person(somebody["username"], "editor", id=somebody["id"])
    assert parsed(response) == (200, {"item": item, "initialPassword": INITIAL_PASSWORD})
    username = somebody["username"]
    assert parsed(learner.post(LOGIN, json={"username": username, "password": OWN})) == WRONG
    credentials = {"username": username, "password": response.json()["initialPassword"], "newPassword": OTHER}
    assert learner.post(LOGIN, json=credentials).status_code == 200
    with acting(stack, sign_in) as client:
        until(lambda: parsed(client.get("/api/events")) == UNAUTHORIZED, "the old token is refused")


def test_people_are_listed_page_by_page(admin: httpx.Client) -> None:
    added = [invited(admin, "viewer")["item"] for _ in range(3)]
    everybody = admin.get(USERS).json()["items"]
    assert everybody[-3:] == added
    collected: list[Json] = []
    query: Json = {"limit": 2}
    while "cursor" not in query or query["cursor"] is not None:
        page = admin.get(USERS, params=query).json()
        collected += page["items"]
        query["cursor"] = page["nextCursor"]
    assert collected == everybody


@pytest.fixture
def lonely(stack: Installation, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """The only owner of a stack of its own, since other tests create owners in the shared one."""
    on_sqlite = stack.environment["AUTH_DATABASE_URL"].startswith("sqlite")
    with installation(tmp_path, None if on_sqlite else request.getfixturevalue("postgresql_server")) as built:
        built.prepare()
        built.start()
        with judged(built.admin()) as client:
            yield client


@pytest.mark.full
def test_the_last_owner_stays(lonely: httpx.Client) -> None:
    me = lonely.get("/api/admin/me").json()["item"]["id"]
    # An invited owner may never sign in.
    invited(lonely, "owner")
    responses = [
        lonely.put(f"{USERS}/{me}", json={"role": "viewer"}),
        lonely.put(f"{USERS}/{me}", json={"disabled": True}),
        lonely.post(f"{USERS}/{me}/password"),
    ]
    assert [parsed(response) for response in responses] == [LAST_OWNER] * 3
    assert lonely.get(USERS).status_code == 200


def test_too_many_wrong_passwords_lock_out_that_person_only(
    stack: Installation, admin: httpx.Client, learner: httpx.Client
) -> None:
    username = settled(admin, learner, "viewer")[0]["username"]
    responses = [learner.post(LOGIN, json={"username": username, "password": f"guess {n}"}) for n in range(12)]
    assert [parsed(response) for response in responses[:10]] == [WRONG] * 10
    throttled = refusal(429, "RATE_LIMITED", "Too many attempts to sign in; try again later")
    assert [parsed(response) for response in responses[10:]] == [throttled] * 2
    assert {response.headers.get("Retry-After") for response in responses[:10]} == {None}
    assert all(0 < int(response.headers["Retry-After"]) <= 900 for response in responses[10:])
    assert parsed(learner.post(LOGIN, json={"username": username, "password": OWN})) == throttled
    assert learner.post(LOGIN, json=ADMIN).status_code == 200


def test_an_initial_password_appears_only_in_the_invitation(
    stack: Installation, admin: httpx.Client, learner: httpx.Client
) -> None:
    invitation = invited(admin, "viewer")
    username, initial = invitation["item"]["username"], invitation["initialPassword"]
    own = "a canary sings underground"
    responses = [
        learner.post(LOGIN, json={"username": username, "password": initial}),
        learner.post(LOGIN, json={"username": username, "password": initial, "newPassword": own}),
        learner.post(LOGIN, json={"username": username, "password": own}),
        learner.post(LOGIN, json={"username": own, "password": "mistyped in the field of the name"}),
        admin.get(USERS),
    ]
    assert [response.status_code for response in responses] == [403, 200, 200, 401, 200]
    texts = [*(each.text for each in responses), stack.log_lines("gateway"), stack.log_lines("auth")]
    assert [secret for secret in (initial, own) if secret in "".join(texts)] == []


def test_a_username_is_given_once(admin: httpx.Client) -> None:
    somebody = invited(admin, "viewer")["item"]
    second = admin.post(USERS, json={"username": somebody["username"], "role": "owner"})
    assert parsed(second) == refusal(409, "USERNAME_CONFLICT", "Another admin already has this username")
    assert parsed(admin.get(f"{USERS}/{somebody['id']}")) == (200, {"item": somebody})
    assert parsed(admin.put(f"{USERS}/{UNKNOWN}", json={"role": "viewer"})) == NOT_FOUND
