"""`python -m services.auth keys`, run in this process; its use cases are tested in tests/auth/service/test_keys.py."""

import re
from collections.abc import Callable
from functools import partial

import pytest

from services.auth.migrations import MIGRATIONS
from services.auth.repository.store import PeeweeAuthStore
from services.kit.core.instants import parse_instant
from services.kit.storage.database import open_database
from tests.auth.commands import Outcome, outcome_of
from tests.auth.examples import a_service

SECRET = "a secret that encrypts the keys of this installation"
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
KEY_ID = r"[0-9a-f-]{36}"


Keys = Callable[..., Outcome]


@pytest.fixture
def keys(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Keys:
    """Run the command on a migrated installation without a key."""
    MIGRATIONS.up(open_database(sqlite_url))
    monkeypatch.setenv("AUTH_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("SIGNING_KEY_SECRET", SECRET)

    return partial(outcome_of, capsys, "keys")


def seconds_between(earlier: str, later: str) -> float:
    return (parse_instant(later) - parse_instant(earlier)).total_seconds()


def test_keys_are_listed_and_rotated_in_order(keys: Keys, sqlite_url: str) -> None:
    assert keys("list") == (0, [], [])
    [made] = keys("rotate").output
    first = re.fullmatch(rf"({KEY_ID}) signs from ({INSTANT}) on", made)
    assert first is not None
    assert keys("list").output == [f"{first[1]}  made {first[2]}  signs"]
    # The service signs with the key that the command made.
    database = open_database(sqlite_url)
    with database.atomic():
        assert a_service(PeeweeAuthStore(database), signing_key_secret=SECRET).keys.signing()[0] == first[1]

    waiting, retired = keys("rotate").output
    second = re.fullmatch(rf"({KEY_ID}) signs from ({INSTANT}) on", waiting)
    until = re.fullmatch(rf"{first[1]} is published until ({INSTANT})", retired)
    assert second is not None and until is not None
    # The hour of a learner grant, which lives longer than an access token, and a minute for clocks that differ.
    assert seconds_between(second[2], until[1]) == 61 * 60
    listed = keys("list").output
    assert listed[0] == f"{first[1]}  made {first[2]}  signs, published until {until[1]}"
    made_at = re.fullmatch(rf"{second[1]}  made ({INSTANT})  signs from {second[2]} on", listed[1])
    assert made_at is not None
    assert seconds_between(made_at[1], second[2]) == 6 * 60

    assert keys("rotate") == (1, [], ["The next signing key is published already and waits to sign"])
    assert keys("list").output == listed


def test_a_rotation_at_once_retires_every_key_and_names_the_cost(keys: Keys) -> None:
    for _ in range(2):
        assert keys("rotate").code == 0
    old = [each.split()[0] for each in keys("list").output]
    code, lines, errors = keys("rotate", "--at-once")
    assert (code, errors) == (0, [])
    assert re.fullmatch(rf"{KEY_ID} signs from {INSTANT} on", lines[0])
    assert [re.sub(INSTANT, "...", each) for each in lines[1:3]] == [f"{each} is published until ..." for each in old]
    assert lines[3].startswith("every earlier access token is refused from now on")
    states = [each.split("  ")[2].split(",")[0] for each in keys("list").output]
    assert states == ["is retired", "is retired", "signs"]
