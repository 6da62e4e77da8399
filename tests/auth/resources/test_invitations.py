"""Invitations that are sent again under an Idempotency-Key, over both engines: one person, one answer, one password."""

from collections.abc import Iterator
from typing import Any

import peewee
import pytest
from falcon.testing import Result

from services.auth.models import TABLES
from services.kit.storage.idempotency import IdempotentAnswerRow
from tests.auth.client import Auth, running
from tests.auth.examples import a_service
from tests.auth.resources.owner import OWN, Owner
from tests.auth.resources.test_people import GRACE, INITIAL_PASSWORD, USERS
from tests.clock import NOON
from tests.refusals import Answer, invalid, refusal

INVITED = {"username": "grace", "role": "editor"}
REUSED = refusal(
    422, "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was sent with another body; send a new key for a new request"
)
TAKEN = refusal(409, "USERNAME_CONFLICT", "Another admin already has this username")
NO_KEY = invalid({"Idempotency-Key": ["must be 1 to 255 printable ASCII characters, as they are or in double quotes"]})


@pytest.fixture
def app(auth_database: peewee.Database) -> Iterator[Owner]:
    """Auth over each engine in turn, as ada uses it, its only owner."""
    with running(Auth(auth_database)) as client:
        yield Owner(client)


def invite(app: Owner, key: str = "key-1", token: str | None = None, **changes: Any) -> Result:
    """As ada, or with that token, under the key."""
    headers = {"Idempotency-Key": key}
    return app.client.exchange("POST", USERS, token or app.ada, headers=headers, json={**INVITED, **changes})


def answered(result: Result) -> Answer:
    """The status and the document."""
    return Answer(result.status_code, result.json)


def told(result: Result) -> tuple[int, bytes, str | None]:
    """The status, the body, and whether it says that it is given again."""
    return result.status_code, result.content, result.headers.get("Idempotency-Replayed")


def names(app: Owner) -> list[str]:
    """Everybody's."""
    return [person["username"] for person in app.owner("GET", USERS).document["items"]]


def everything_in(database: peewee.Database) -> str:
    """Every row of every table."""
    return repr([list(table.select().tuples().execute(database)) for table in TABLES])


def test_somebody_is_invited_once_and_answered_alike_each_time(app: Owner) -> None:
    hashes = app.hasher.hashes
    first = invite(app)
    assert answered(first) == Answer(201, {"item": GRACE, "initialPassword": INITIAL_PASSWORD})
    assert first.headers.get("Idempotency-Replayed") is None
    assert [told(invite(app, key)) for key in ("key-1", '"key-1"')] == [(201, first.content, "true")] * 2
    assert sorted(names(app)) == ["ada", "grace"]
    # Who repeats themselves costs no hash.
    assert app.hasher.hashes == hashes + 1


def test_the_password_that_is_answered_opens(app: Owner) -> None:
    invite(app)
    password = invite(app).json["initialPassword"]
    assert app.service.sign_in("grace", password, OWN).admin.role == "editor"


def test_what_was_answered_first_is_answered_whatever_became_of_the_person(app: Owner) -> None:
    first = invite(app)
    address = f"{USERS}/{first.json['item']['id']}"
    app.service.sign_in("grace", first.json["initialPassword"], OWN)
    app.client.later(minutes=5)
    assert app.owner("PUT", address, {"role": "viewer", "disabled": True}).status == 200
    assert told(invite(app)) == (201, first.content, "true")
    assert app.owner("POST", f"{address}/password").document["initialPassword"] != first.json["initialPassword"]
    assert told(invite(app)) == (201, first.content, "true")


@pytest.mark.parametrize("changes", [{"role": "viewer"}, {"username": "ida"}, {"unknown": 1}])
def test_another_body_under_the_key_is_refused_and_invites_nobody(app: Owner, changes: Any) -> None:
    invite(app)
    assert answered(invite(app, **changes)) == REUSED
    assert sorted(names(app)) == ["ada", "grace"]


def test_a_key_of_another_owner_is_another_key(app: Owner) -> None:
    _, token = app.person("ida", "owner")
    first = invite(app)
    assert answered(invite(app, token=token)) == TAKEN
    other = invite(app, token=token, username="vera")
    assert (other.status_code, other.headers.get("Idempotency-Replayed")) == (201, None)
    assert told(invite(app)) == (201, first.content, "true")


def test_a_key_opens_no_door(app: Owner) -> None:
    _, token = app.person("vera", "editor")
    invite(app)
    assert invite(app, token=token).status_code == 403
    assert invite(app, token="nobody's").status_code == 401


def test_a_taken_name_keeps_nothing_under_the_key(app: Owner) -> None:
    assert [answered(invite(app, username="ada")) for _ in range(2)] == [TAKEN] * 2
    assert invite(app).status_code == 201


@pytest.mark.parametrize("key", ["", '"', "a" * 256])
def test_what_is_no_key_is_refused_by_name_and_invites_nobody(app: Owner, key: str) -> None:
    assert answered(invite(app, key)) == NO_KEY
    assert names(app) == ["ada"]


def test_two_people_have_two_passwords_also_when_the_day_of_a_key_is_over(
    app: Owner, auth_database: peewee.Database
) -> None:
    passwords = [invite(app).json["initialPassword"], invite(app, "key-2", username="ida").json["initialPassword"]]
    IdempotentAnswerRow.update(expires_at=NOON).execute(auth_database)
    assert answered(invite(app)) == TAKEN
    passwords.append(invite(app, username="vera").json["initialPassword"])
    assert len(set(passwords)) == 3
    assert IdempotentAnswerRow.select().count(auth_database) == 1


def test_neither_the_password_nor_the_key_is_in_the_database(app: Owner, auth_database: peewee.Database) -> None:
    key = "a-key-that-nobody-else-has"
    password = invite(app, key).json["initialPassword"]
    invite(app, key)
    rows = everything_in(auth_database)
    assert "grace" in rows
    assert [each in rows for each in (key, password, password.replace("-", ""))] == [False] * 3


def test_with_another_secret_the_answer_is_refused_rather_than_given_with_a_wrong_password(app: Owner) -> None:
    first = invite(app)
    own = app.service.people
    app.service.people = a_service(app.client.auth.store, app.client.auth.clock, app.hasher, "another secret").people
    assert answered(invite(app)) == TAKEN
    app.service.people = own
    assert told(invite(app)) == (201, first.content, "true")
