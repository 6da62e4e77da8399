"""People over HTTP: every route, whole answers, and what is refused, to whom and why."""

from typing import Any

import pytest

from tests.auth.resources.owner import OWN, Owner
from tests.matching import NEW_ID, Matching
from tests.refusals import FORBIDDEN, NOT_JSON, UNAUTHORIZED, Answer, invalid, refusal

USERS = "/api/admin/users"
NOON, A_WEEK_LATER = "2026-03-01T12:00:00.000Z", "2026-03-08T12:00:00.000Z"
INITIAL_PASSWORD: Any = Matching("([a-z2-9]{4}-){6}[a-z2-9]{4}")
SOME_TEXT = Matching(".+")
ADA = {
    "id": "admin-1",
    "username": "ada",
    "role": "owner",
    "disabled": False,
    "initialPasswordEndsAt": None,
    "createdAt": NOON,
    "updatedAt": NOON,
}
GRACE = {**ADA, "id": NEW_ID, "username": "grace", "role": "editor", "initialPasswordEndsAt": A_WEEK_LATER}
NOT_FOUND = refusal(404, "ADMIN_NOT_FOUND", "Admin not found")
LAST_OWNER = refusal(
    409,
    "LAST_OWNER",
    "This is the only owner who can sign in: make somebody else an owner, who sets a password, first",
)


def invited(app: Owner, username: str = "grace", role: str = "editor") -> dict[str, Any]:
    """The answer to an invitation."""
    status, document = app.owner("POST", USERS, {"username": username, "role": role})
    assert status == 201
    return dict(document)


# Inviting


def test_an_invitation_is_answered_with_the_person_and_the_initial_password(app: Owner) -> None:
    document = {"username": " grace ", "role": "editor", "id": "mine", "disabled": True, "password": "of my own"}
    answer = app.owner("POST", USERS, document)
    assert answer == Answer(201, {"item": GRACE, "initialPassword": INITIAL_PASSWORD})
    assert app.owner("GET", f"{USERS}/{answer.document['item']['id']}") == Answer(200, {"item": GRACE})


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({}, {"username": ["is required"], "role": ["is required"]}),
        ({"username": "ab", "role": "editor"}, {"username": [SOME_TEXT]}),
        ({"username": "a" * 201, "role": "editor"}, {"username": [SOME_TEXT]}),
        ({"username": "ada\0", "role": "editor"}, {"username": ["must not contain control characters"]}),
        ({"username": "grace", "role": "admin"}, {"role": [SOME_TEXT]}),
        ({"username": "grace", "role": "Owner"}, {"role": [SOME_TEXT]}),
        ({"username": "grace", "role": None}, {"role": [SOME_TEXT]}),
        ({"username": ["grace"], "role": "editor"}, {"username": [SOME_TEXT]}),
    ],
)
def test_an_invitation_that_will_not_do_is_refused_by_the_field(
    app: Owner, document: Any, fields: dict[str, Any]
) -> None:
    assert app.owner("POST", USERS, document) == invalid(fields)
    assert app.owner("GET", USERS) == Answer(200, {"items": [ADA]})


def test_a_taken_name_is_a_conflict_also_when_the_request_is_sent_again_without_a_key(app: Owner) -> None:
    answers = [app.owner("POST", USERS, {"username": "grace", "role": "viewer"}) for _ in range(2)]
    taken = refusal(409, "USERNAME_CONFLICT", "Another admin already has this username")
    assert [answers[0].status, answers[1]] == [201, taken]
    assert app.owner("POST", USERS, {"username": "ada", "role": "viewer"}) == taken


def test_the_initial_password_is_told_once(app: Owner) -> None:
    document = invited(app)
    password, person = document["initialPassword"], document["item"]["id"]
    later = [
        app.client.exchange("GET", USERS, app.ada),
        app.client.exchange("GET", f"{USERS}/{person}", app.ada),
        app.client.exchange("PUT", f"{USERS}/{person}", app.ada, json={"role": "viewer"}),
        app.client.exchange("POST", USERS, app.ada, json={"username": "grace", "role": "viewer"}),
    ]
    assert [password in each.text for each in later] == [False] * 4
    assert {"hash" in each.text.lower() for each in later} == {False}


# Listing


def test_people_are_listed_as_a_whole_or_in_pages(app: Owner) -> None:
    ida = invited(app, "ida", "owner")["item"]
    vera = invited(app, "vera", "viewer")["item"]
    # All at noon, so that their ids say who comes first.
    assert app.owner("GET", USERS) == Answer(200, {"items": [ida, vera, ADA]})
    status, page = app.owner("GET", USERS, params={"limit": "2"})
    assert (status, page) == (200, {"items": [ida, vera], "nextCursor": page["nextCursor"]})
    rest = app.owner("GET", USERS, params={"limit": "2", "cursor": page["nextCursor"]})
    assert rest == Answer(200, {"items": [ADA], "nextCursor": None})


@pytest.mark.parametrize(
    ("query", "field"), [({"limit": "0"}, "limit"), ({"limit": "x"}, "limit"), ({"cursor": "x"}, "cursor")]
)
def test_a_page_that_is_none_is_refused_by_the_parameter(app: Owner, query: dict[str, str], field: str) -> None:
    assert app.owner("GET", USERS, params=query) == invalid({field: [SOME_TEXT]})


# Changing


def test_a_role_is_changed_and_a_person_disabled_and_enabled(app: Owner) -> None:
    address = f"{USERS}/{invited(app)['item']['id']}"
    assert app.owner("PUT", address, {"role": "viewer"}) == Answer(200, {"item": {**GRACE, "role": "viewer"}})
    changed = {**GRACE, "role": "owner", "disabled": True}
    assert app.owner("PUT", address, {"role": "owner", "disabled": True}) == Answer(200, {"item": changed})
    assert app.owner("GET", address) == Answer(200, {"item": changed})
    # What is not hers to change is not changed.
    mass = {"disabled": False, "username": "eve", "passwordHash": "x", "initialPasswordEndsAt": None, "id": "x"}
    assert app.owner("PUT", address, mass) == Answer(200, {"item": {**changed, "disabled": False}})


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({}, invalid({}, ["At least one field is required"])),
        ({"username": "eve"}, invalid({}, ["At least one field is required"])),
        ({"role": "root"}, invalid({"role": [SOME_TEXT]})),
        ({"role": None}, invalid({"role": [SOME_TEXT]})),
        ({"disabled": None}, invalid({"disabled": [SOME_TEXT]})),
        ({"disabled": "true"}, invalid({"disabled": [SOME_TEXT]})),
        ({"disabled": 1}, invalid({"disabled": [SOME_TEXT]})),
        ([], invalid({}, ["must be a JSON object"])),
    ],
)
def test_a_change_that_will_not_do_is_refused_by_the_field(app: Owner, document: Any, answer: Answer) -> None:
    person = invited(app)["item"]
    assert app.owner("PUT", f"{USERS}/{person['id']}", document) == answer
    assert app.owner("GET", f"{USERS}/{person['id']}") == Answer(200, {"item": person})


@pytest.mark.parametrize("document", [{"role": "viewer"}, {"disabled": True}])
def test_the_last_owner_can_be_neither_demoted_nor_disabled_nor_reset(app: Owner, document: Any) -> None:
    invited(app, "ida", "owner")
    assert app.owner("PUT", f"{USERS}/admin-1", document) == LAST_OWNER
    assert app.owner("POST", f"{USERS}/admin-1/password") == LAST_OWNER
    assert app.owner("GET", f"{USERS}/admin-1") == Answer(200, {"item": ADA})


def test_nobody_is_not_found(app: Owner) -> None:
    answers = [
        app.owner("GET", f"{USERS}/nobody"),
        app.owner("PUT", f"{USERS}/nobody", {"role": "viewer"}),
        app.owner("POST", f"{USERS}/nobody/password"),
        app.owner("GET", f"{USERS}/ada"),
    ]
    assert answers == [NOT_FOUND] * 4


@pytest.mark.parametrize(("method", "path"), [("POST", USERS), ("PUT", f"{USERS}/admin-1")])
def test_a_body_of_another_type_is_a_request_error(app: Owner, method: str, path: str) -> None:
    answer = app.client.send(method, path, app.ada, body="{}", headers={"Content-Type": "text/plain"})
    assert answer == NOT_JSON


# A lost password


def test_a_reset_is_answered_with_a_new_initial_password_and_ends_the_sessions(app: Owner) -> None:
    person, token = app.person("grace", "editor")
    assert app.client.send("GET", "/api/admin/me", token).status == 200
    answer = app.owner("POST", f"{USERS}/{person}/password")
    assert answer == Answer(200, {"item": GRACE, "initialPassword": INITIAL_PASSWORD})
    assert app.client.send("GET", "/api/admin/me", token) == UNAUTHORIZED
    assert app.login({"username": "grace", "password": OWN}, "192.0.2.1").status_code == 401


# Who may


@pytest.mark.parametrize("role", ["viewer", "editor"])
@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("GET", USERS, None),
        ("POST", USERS, {"username": "mallory", "role": "owner"}),
        ("GET", f"{USERS}/admin-1", None),
        ("PUT", f"{USERS}/admin-1", {"disabled": True}),
        ("POST", f"{USERS}/admin-1/password", None),
    ],
)
def test_nobody_but_an_owner_manages_people(app: Owner, role: str, method: str, path: str, document: Any) -> None:
    _, token = app.person("grace", role)
    before = app.owner("GET", USERS)
    body = {} if document is None else {"json": document}
    assert app.client.send(method, path, token, **body) == FORBIDDEN
    assert app.client.send(method, path, None, **body) == UNAUTHORIZED
    assert app.owner("GET", USERS) == before


def test_a_demoted_owner_s_token_opens_nothing_more(app: Owner) -> None:
    person, token = app.person("grace", "owner")
    assert app.client.send("GET", USERS, token).status == 200
    app.owner("PUT", f"{USERS}/{person}", {"role": "editor"})
    assert app.client.send("GET", USERS, token) == UNAUTHORIZED
    assert app.client.send("GET", USERS, app.token_of("grace", OWN)) == FORBIDDEN
