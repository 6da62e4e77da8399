"""services.auth.keys as an operator meets it: `python -m services.auth keys ...`."""

import os
import re
import subprocess
import sys

import peewee
import pytest

from deploy import stack
from services.auth.migrations import MIGRATIONS
from services.auth.repository.store import PeeweeAuthStore
from services.kit.core.instants import parse_instant
from services.kit.storage.database import open_database
from tests.auth.examples import a_service

SECRET = "a secret that encrypts the keys of this installation"
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
KEY_ID = r"[0-9a-f-]{36}"


def keys(url: str, *arguments: str, secret: str = SECRET) -> subprocess.CompletedProcess[str]:
    """What the command does with the installation at that address."""
    return subprocess.run(
        [sys.executable, "-m", "services.auth", "keys", *arguments],
        cwd=stack.ROOT,
        env={"PATH": os.environ["PATH"], "AUTH_DATABASE_URL": url, "SIGNING_KEY_SECRET": secret},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What a command that was done has said."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that was refused."""
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    return done.stderr.rstrip("\n")


@pytest.fixture
def url(database_url: str) -> str:
    """A migrated installation without a key."""
    MIGRATIONS.up(open_database(database_url))
    return database_url


def test_keys_are_listed_and_rotated_in_order(url: str) -> None:
    assert lines(keys(url, "list")) == []
    [made] = lines(keys(url, "rotate"))
    first = re.fullmatch(rf"({KEY_ID}) signs from ({INSTANT}) on", made)
    assert first is not None
    assert lines(keys(url, "list")) == [f"{first[1]}  made {first[2]}  signs"]

    [waiting, retired] = lines(keys(url, "rotate"))
    second = re.fullmatch(rf"({KEY_ID}) signs from ({INSTANT}) on", waiting)
    until = re.fullmatch(rf"{first[1]} is published until ({INSTANT})", retired)
    assert second is not None and until is not None
    # An hour of the last learner grant, which lives longer than an access token, and a minute for clocks that differ.
    assert (parse_instant(until[1]) - parse_instant(second[2])).total_seconds() == 61 * 60
    listed = lines(keys(url, "list"))
    assert listed[0] == f"{first[1]}  made {first[2]}  signs, published until {until[1]}"
    made_at = re.fullmatch(rf"{second[1]}  made ({INSTANT})  signs from {second[2]} on", listed[1])
    assert made_at is not None
    assert (parse_instant(second[2]) - parse_instant(made_at[1])).total_seconds() == 6 * 60

    assert refusal(keys(url, "rotate")) == "The next signing key is published already and waits to sign"
    assert lines(keys(url, "list")) == listed


def test_a_key_that_leaked_is_retired_at_once_and_the_cost_is_said(url: str) -> None:
    for _ in range(2):
        lines(keys(url, "rotate"))
    old = [each.split()[0] for each in lines(keys(url, "list"))]
    said = lines(keys(url, "rotate", "--at-once"))
    assert re.fullmatch(rf"{KEY_ID} signs from {INSTANT} on", said[0])
    assert [re.sub(INSTANT, "...", each) for each in said[1:3]] == [f"{each} is published until ..." for each in old]
    assert said[3].startswith("every access token that there was is refused from now on")
    states = [each.split("  ")[2].split(",")[0] for each in lines(keys(url, "list"))]
    assert states == ["is retired", "is retired", "signs"]


def test_under_another_secret_a_rotation_is_refused_by_name_and_at_once_it_is_not(url: str) -> None:
    lines(keys(url, "rotate"))
    [listed] = lines(keys(url, "list"))
    canary = "canary: the secret of another installation"
    told = refusal(keys(url, "rotate", secret=canary))
    assert told.startswith(f"SIGNING_KEY_SECRET does not open the signing key {listed.split()[0]}: ")
    assert "canary" not in told
    assert lines(keys(url, "list", secret=canary)) == [listed]
    assert len(lines(keys(url, "rotate", "--at-once", secret=canary))) == 3
    assert refusal(keys(url, "rotate")).startswith("SIGNING_KEY_SECRET does not open ")


def test_what_the_command_makes_is_what_the_service_signs_with(url: str) -> None:
    [said] = lines(keys(url, "rotate"))
    database: peewee.Database = open_database(url)
    service = a_service(PeeweeAuthStore(database), signing_key_secret=SECRET)
    with database.atomic():
        assert service.keys.signing()[0] == said.split()[0]
    database.close()


@pytest.mark.parametrize("arguments", [[], ["retire"], ["rotate", "now"], ["list", "--at-once"]])
def test_any_other_wording_is_explained(url: str, arguments: list[str]) -> None:
    done = keys(url, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m services.auth ")


def test_keys_of_a_schema_that_is_behind_are_not_touched(database_url: str) -> None:
    assert "python -m services.auth migrate up" in refusal(keys(database_url, "rotate"))
