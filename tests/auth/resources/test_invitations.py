"""Invitations under an Idempotency-Key: a retry invites nobody again and returns the same password."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import peewee
import pytest
from falcon.testing import Result

from services.auth.migrations import MIGRATIONS
from services.auth.models import TABLES
from services.auth.repository.store import PeeweeAuthStore
from services.kit.storage.idempotency import IdempotentResponseRow
from tests.auth.client import AuthClient, running
from tests.auth.examples import OWN_PASSWORD, a_service
from tests.auth.harness import Harness
from tests.auth.resources.test_people import GRACE, INITIAL_PASSWORD, USERS
from tests.clock import NOON
from tests.databases import emptied_database
from tests.refusals import Response, invalid, refusal

TAKEN = refusal(409, "USERNAME_CONFLICT", "Another admin already has this username")
NO_KEY = invalid({"Idempotency-Key": ["must be 1 to 255 printable ASCII characters, as they are or in double quotes"]})


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest) -> peewee.Database:
    """One engine: tests/kit proves stored responses on both."""
    return emptied_database(request, MIGRATIONS)


@pytest.fixture
def client(database: peewee.Database) -> Iterator[AuthClient]:
    with running(Harness(PeeweeAuthStore(database)), database) as client:
        yield client


def invite(client: AuthClient, key: str = "key-1", token: str | None = None, **changes: Any) -> Result:
    document = {"username": "grace", "role": "editor", **changes}
    return client.exchange("POST", USERS, token or client.ada, headers={"Idempotency-Key": key}, json=document)


def answer(response: Result) -> Response:
    return Response(response.status_code, response.json)


def is_replay_of(response: Result, first: Result) -> bool:
    is_same = (response.status_code, response.content) == (201, first.content)
    return is_same and response.headers.get("Idempotency-Replayed") == "true"


def names(client: AuthClient) -> list[str]:
    return sorted(person["username"] for person in client.owner("GET", USERS).document["items"])


def test_a_retry_replays_the_first_response(client: AuthClient) -> None:
    client.harness.hasher.take_counts()
    first = invite(client)
    assert answer(first) == Response(201, {"item": GRACE, "initialPassword": INITIAL_PASSWORD})
    assert first.headers.get("Idempotency-Replayed") is None
    assert [is_replay_of(invite(client, key), first) for key in ("key-1", '"key-1"')] == [True, True]
    assert (names(client), client.harness.hasher.take_counts()) == (["ada", "grace"], (1, 0))
    initial, address = first.json["initialPassword"], f"{USERS}/{first.json['item']['id']}"
    assert client.harness.sign_in("grace", initial, OWN_PASSWORD).admin.role == "editor"
    client.harness.clock.at += timedelta(minutes=5)
    assert client.owner("PUT", address, {"role": "viewer", "disabled": True}).status == 200
    assert client.owner("POST", f"{address}/password").document["initialPassword"] != initial
    assert is_replay_of(invite(client), first)


def test_a_refused_invitation_stores_nothing_under_the_key(client: AuthClient) -> None:
    assert [answer(invite(client, username="ada")) for _ in range(2)] == [TAKEN] * 2
    assert [answer(invite(client, key)) for key in ("", '"', "a" * 256)] == [NO_KEY] * 3
    assert names(client) == ["ada"]
    assert invite(client).status_code == 201


def test_two_people_never_share_a_password(client: AuthClient, database: peewee.Database) -> None:
    first, second = invite(client), invite(client, "key-2", username="ida")
    IdempotentResponseRow.update(expires_at=NOON).execute(database)
    assert answer(invite(client)) == TAKEN
    third = invite(client, username="vera")
    assert len({each.json["initialPassword"] for each in (first, second, third)}) == 3


def test_neither_the_password_nor_the_key_is_stored(client: AuthClient, database: peewee.Database) -> None:
    key = "a-key-that-is-unique"
    password = invite(client, key).json["initialPassword"]
    rows = repr([list(table.select().tuples().execute(database)) for table in TABLES])
    assert "grace" in rows
    assert [each in rows for each in (key, password, password.replace("-", ""))] == [False] * 3


def test_under_another_secret_a_retry_is_refused(client: AuthClient) -> None:
    first, own = invite(client), client.service.people
    client.service.people = a_service(client.harness.store, client.harness.clock, None, "another secret").people
    assert answer(invite(client)) == TAKEN
    client.service.people = own
    assert is_replay_of(invite(client), first)
