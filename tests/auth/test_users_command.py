"""`python -m services.auth user` in this process; its use cases are in tests/auth/service/test_people.py."""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from services.auth.__main__ import SERVICE
from services.auth.migrations import MIGRATIONS
from services.kit.maintenance.command_line import main
from services.kit.storage.database import open_database
from tests.auth.commands import Outcome, outcome_of

PASSWORD = re.compile(r"initial password: ((?:[0-9a-z]{4}-){6}[0-9a-z]{4})")
NOBODY = "nobody is named {!r}; there are: {}"


User = Callable[..., Outcome]


@pytest.fixture
def user(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> User:
    """Run the command on a migrated installation without people."""
    MIGRATIONS.up(open_database(sqlite_url))
    monkeypatch.setenv("AUTH_DATABASE_URL", sqlite_url)

    return partial(outcome_of, capsys, "user")


def audit_entries(url: str) -> list[Any]:
    query = "SELECT action, actor_id, actor_name, address FROM audit_log ORDER BY occurred_at, id"
    return list(open_database(url).execute_sql(query).fetchall())


def test_people_are_added_changed_and_listed_with_entries_of_a_command(user: User, sqlite_url: str) -> None:
    assert user("list") == (0, [], [])
    for name, role in (("ada", "owner"), ("Grace Hopper", "editor")):
        code, lines, errors = user("add", name, "--role", role)
        assert (code, errors, bool(PASSWORD.fullmatch(lines[1]))) == (0, [], True)
    assert [each.code for each in (user("role", "grace hopper", "viewer"), user("disable", "Grace Hopper"))] == [0, 0]
    until = r"has an initial password until \S+Z"
    assert re.fullmatch(rf"ada           owner   {until}", user("list").output[0])
    assert re.fullmatch(rf"Grace Hopper  viewer  disabled, {until}", user("list").output[1])
    assert user("enable", "Grace Hopper").code == 0
    actions = ("invited", "invited", "role_changed", "disabled", "enabled")
    assert audit_entries(sqlite_url) == [(f"admin.{each}", None, None, None) for each in actions]


def test_a_new_password_of_the_only_owner_ends_their_sessions(user: User, sqlite_url: str) -> None:
    assert main(SERVICE, ["seed"]) == 0
    database = open_database(sqlite_url)
    ends_at = 4_000_000_000_000
    database.execute_sql(
        "INSERT INTO sessions (id, admin_id, created_at, expires_at) VALUES ('s', 'admin-1', 1, ?)", [ends_at]
    )
    assert user("disable", "admin").errors == user("role", "admin", "viewer").errors != []

    shown = json.loads(user("reset-password", "admin", "--json").output[-1])

    assert PASSWORD.fullmatch(f"initial password: {shown['initialPassword']}")
    assert (shown["item"]["role"], shown["item"]["initialPasswordEndsAt"][-1]) == ("owner", "Z")
    assert [each[0] for each in audit_entries(sqlite_url)][-1:] == ["admin.password_reset"]
    assert database.execute_sql("SELECT count(*) FROM sessions WHERE ended_at IS NULL").fetchone() == (0,)
    no_other = "No other owner has set a password: make somebody else an owner, who sets one by signing in, first"
    assert [user("disable", "admin"), user("role", "admin", "viewer")] == [(1, [], [no_other])] * 2
    # It can be repeated, so nobody is shut out for good.
    assert user("reset-password", "admin").code == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("reset-password", "ade"), NOBODY.format("ade", "ada")),
        (
            ("add", "Ada", "--role", "viewer"),
            "'ada' is there already: give another name, or reset-password for a lost one",
        ),
        (("add", "x", "--role", "viewer"), "'x' cannot be a username: must have at least 3 characters"),
    ],
)
def test_a_wrong_name_gets_one_line_that_says_why(user: User, arguments: tuple[str, ...], error: str) -> None:
    assert user("add", "ada", "--role", "owner").code == 0
    assert user(*arguments) == (1, [], [error])
