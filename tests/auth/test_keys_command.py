"""`python -m services.auth keys`, run in this process; its use cases are tested in tests/auth/service/test_keys.py."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import structlog

from services.auth.__main__ import SERVICE
from services.auth.migrations import MIGRATIONS
from services.auth.repository.store import PeeweeAuthStore
from services.kit.core.instants import parse_instant
from services.kit.maintenance.command_line import main
from services.kit.storage.database import open_database
from tests.auth.examples import a_service

SECRET = "a secret that encrypts the keys of this installation"
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
KEY_ID = r"[0-9a-f-]{36}"


class Outcome(NamedTuple):
    """The exit code and the lines of a command."""

    code: int
    output: list[str]
    errors: list[str]


Keys = Callable[..., Outcome]


@pytest.fixture
def keys(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Keys]:
    """Run the command on an installation that is not migrated yet."""
    monkeypatch.setenv("AUTH_DATABASE_URL", sqlite_url)

    def run(*arguments: str, secret: str = SECRET) -> Outcome:
        monkeypatch.setenv("SIGNING_KEY_SECRET", secret)
        try:
            code = main(SERVICE, ["keys", *arguments])
        except SystemExit as exit_:
            code = int(str(exit_.code))
        captured = capsys.readouterr()
        return Outcome(code, captured.out.splitlines(), captured.err.splitlines())

    yield run
    # The command line logs to the captured standard error.
    structlog.reset_defaults()


@pytest.fixture
def migrated(keys: Keys, sqlite_url: str) -> Keys:
    """Run the command on a migrated installation without a key."""
    MIGRATIONS.up(open_database(sqlite_url))
    return keys


def seconds_between(earlier: str, later: str) -> float:
    return (parse_instant(later) - parse_instant(earlier)).total_seconds()


def test_keys_are_listed_and_rotated_in_order(migrated: Keys, sqlite_url: str) -> None:
    assert migrated("list") == (0, [], [])
    [made] = migrated("rotate").output
    first = re.fullmatch(rf"({KEY_ID}) signs from ({INSTANT}) on", made)
    assert first is not None
    assert migrated("list").output == [f"{first[1]}  made {first[2]}  signs"]
    # The service signs with the key that the command made.
    database = open_database(sqlite_url)
    with database.atomic():
        assert a_service(PeeweeAuthStore(database), signing_key_secret=SECRET).keys.signing()[0] == first[1]

    waiting, retired = migrated("rotate").output
    second = re.fullmatch(rf"({KEY_ID}) signs from ({INSTANT}) on", waiting)
    until = re.fullmatch(rf"{first[1]} is published until ({INSTANT})", retired)
    assert second is not None and until is not None
    # The hour of a learner grant, which lives longer than an access token, and a minute for clocks that differ.
    assert seconds_between(second[2], until[1]) == 61 * 60
    listed = migrated("list").output
    assert listed[0] == f"{first[1]}  made {first[2]}  signs, published until {until[1]}"
    made_at = re.fullmatch(rf"{second[1]}  made ({INSTANT})  signs from {second[2]} on", listed[1])
    assert made_at is not None
    assert seconds_between(made_at[1], second[2]) == 6 * 60

    assert migrated("rotate") == (1, [], ["The next signing key is published already and waits to sign"])
    assert migrated("list").output == listed


def test_a_rotation_at_once_retires_every_key_and_names_the_cost(migrated: Keys) -> None:
    for _ in range(2):
        assert migrated("rotate").code == 0
    old = [each.split()[0] for each in migrated("list").output]
    code, lines, errors = migrated("rotate", "--at-once")
    assert (code, errors) == (0, [])
    assert re.fullmatch(rf"{KEY_ID} signs from {INSTANT} on", lines[0])
    assert [re.sub(INSTANT, "...", each) for each in lines[1:3]] == [f"{each} is published until ..." for each in old]
    assert lines[3].startswith("every access token that there was is refused from now on")
    states = [each.split("  ")[2].split(",")[0] for each in migrated("list").output]
    assert states == ["is retired", "is retired", "signs"]


def test_under_another_secret_only_a_rotation_at_once_works(migrated: Keys) -> None:
    migrated("rotate")
    listed = migrated("list")
    canary = "canary: the secret of another installation"
    code, lines, [error] = migrated("rotate", secret=canary)
    assert (code, lines, "canary" in error) == (1, [], False)
    assert error.startswith(f"SIGNING_KEY_SECRET does not open the signing key {listed.output[0].split()[0]}: ")
    assert migrated("list", secret=canary) == listed
    assert len(migrated("rotate", "--at-once", secret=canary).output) == 3


@pytest.mark.parametrize("arguments", [[], ["retire"], ["rotate", "now"], ["list", "--at-once"]])
def test_other_arguments_print_the_usage(keys: Keys, arguments: list[str]) -> None:
    code, lines, errors = keys(*arguments)
    assert (code, lines) == (2, [])
    assert errors[0].startswith("usage: python -m services.auth ")


def test_keys_of_an_old_schema_are_not_touched(keys: Keys) -> None:
    code, lines, [error] = keys("rotate")
    assert (code, lines) == (1, [])
    assert "python -m services.auth migrate up" in error
