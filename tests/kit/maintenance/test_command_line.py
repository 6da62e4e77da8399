"""The command line of a service, as an operator uses it."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from deploy import stack

SECRET = "a secret that only these tests know, long enough"
NAMES = ("001_initial", "002_change_feed", "003_audit_log", "004_audit_log_indexes")
PENDING = "".join(f"{name}  pending\n" for name in NAMES)


def run(*arguments: str, say: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """What content's command does in this environment; `say` is typed by the operator."""
    return subprocess.run(
        [sys.executable, "-m", "services.content", *arguments],
        cwd=stack.ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        input=say,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def outcome(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    """The exit code, and what was said on both outputs."""
    return done.returncode, done.stdout, done.stderr


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that was refused with exit code 1."""
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    return done.stderr.rstrip("\n")


def events_in(file: Path) -> int:
    """How many events the file holds."""
    connection = sqlite3.connect(file)
    try:
        count: int = connection.execute("SELECT count(*) FROM events").fetchone()[0]
        return count
    finally:
        connection.close()


def entries_in(file: Path) -> dict[str, int]:
    """How often the file's audit log tells of each action."""
    with closing(sqlite3.connect(file)) as connection:
        return dict(connection.execute("SELECT action, count(*) FROM audit_log GROUP BY action").fetchall())


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is migrated and seeded."""
    database = tmp_path_factory.mktemp("seeded") / "content.sqlite"
    for arguments in (("migrate",), ("seed", "minimal")):
        assert run(*arguments, DATABASE_URL=f"sqlite:///{database}").returncode == 0
    return database


@pytest.fixture
def file(seeded: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(seeded, tmp_path / "content.sqlite"))


def test_migrate_seed_and_check_bring_a_new_database_up_and_say_so_once(tmp_path: Path) -> None:
    # The folder is not there yet.
    url = f"sqlite:///{tmp_path / 'data' / 'deep' / 'content.sqlite'}"

    assert outcome(run("migrate", DATABASE_URL=url)) == (0, "".join(f"applied {name}\n" for name in NAMES), "")
    assert outcome(run("migrate", "up", DATABASE_URL=url)) == (0, "nothing to do\n", "")
    seeded = run("seed", "minimal", DATABASE_URL=url)
    assert (seeded.returncode, seeded.stdout[:6], seeded.stderr) == (0, "added ", "")
    assert outcome(run("seed", "minimal", DATABASE_URL=url)) == (0, "nothing to add\n", "")
    assert outcome(run("check", DATABASE_URL=url)) == (0, "no findings\n", "")
    assert outcome(run("migrate", "check", DATABASE_URL=url)) == (0, "no findings\n", "")


def test_status_names_each_migration_and_touches_nothing(tmp_path: Path) -> None:
    file = tmp_path / "content.sqlite"

    assert outcome(run("migrate", "status", DATABASE_URL=f"sqlite:///{file}")) == (0, PENDING, "")
    assert not file.exists()

    run("migrate", DATABASE_URL=f"sqlite:///{file}")
    done = run("migrate", "status", DATABASE_URL=f"sqlite:///{file}")
    assert [(name, at[-1]) for name, at in map(str.split, done.stdout.splitlines())] == [(name, "Z") for name in NAMES]
    assert done.returncode == 0


def test_migrate_down_takes_the_last_one_back(file: Path) -> None:
    url = f"sqlite:///{file}"

    assert outcome(run("migrate", "down", DATABASE_URL=url)) == (0, "rolled back 004_audit_log_indexes\n", "")
    assert run("migrate", "status", DATABASE_URL=url).stdout.splitlines()[3] == "004_audit_log_indexes  pending"
    assert outcome(run("migrate", "down", DATABASE_URL=url)) == (0, "rolled back 003_audit_log\n", "")
    assert outcome(run("migrate", "down", DATABASE_URL=url)) == (0, "rolled back 002_change_feed\n", "")
    assert outcome(run("migrate", "down", DATABASE_URL=url)) == (0, "rolled back 001_initial\n", "")
    assert outcome(run("migrate", "status", DATABASE_URL=url)) == (0, PENDING, "")


def test_migrate_down_with_nothing_applied_has_nothing_to_do(tmp_path: Path, file: Path) -> None:
    for _ in NAMES:
        assert run("migrate", "down", DATABASE_URL=f"sqlite:///{file}").returncode == 0
    assert outcome(run("migrate", "down", DATABASE_URL=f"sqlite:///{file}")) == (0, "nothing to do\n", "")

    absent = tmp_path / "absent.sqlite"
    assert outcome(run("migrate", "down", DATABASE_URL=f"sqlite:///{absent}")) == (0, "nothing to do\n", "")


def test_migrate_down_needs_yes_in_the_managed_profile(postgresql_url: str) -> None:
    managed = {
        "DATABASE_PROFILE": "managed",
        "DATABASE_URL": postgresql_url,
        "SERVICE_TOKEN_SECRET": SECRET,
        "AUTH_URL": "http://auth",
    }
    assert run("migrate", **managed).returncode == 0

    refused = "migrate down may drop tables with their rows: in the managed profile it needs --yes\n"
    assert outcome(run("migrate", "down", **managed)) == (1, "", refused)
    assert outcome(run("migrate", **managed)) == (0, "nothing to do\n", "")
    assert outcome(run("migrate", "down", "--yes", **managed)) == (0, "rolled back 004_audit_log_indexes\n", "")


@pytest.mark.parametrize(
    ("command", "url"),
    [
        ("serve", "mysql://root@localhost/flix"),
        ("migrate", "content.sqlite"),
        ("seed", "sqlite://"),
        ("check", "postgresql://"),
    ],
)
def test_a_wrong_database_url_is_refused_by_its_variable_s_name(command: str, url: str) -> None:
    done = run(command, CONTENT_DATABASE_URL=url)

    form = "the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    assert outcome(done) == (1, "", f"CONTENT_DATABASE_URL: {form}\n")


def test_a_file_where_the_folder_should_be_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    url = f"sqlite:///{tmp_path}/data/content.sqlite"

    line = refusal(run("migrate", DATABASE_URL=url))

    assert line.startswith(f"content: the database at {url} failed: ")
    assert (tmp_path / "data").read_text() == "a file"


@pytest.mark.parametrize("command", ["migrate", "check", "serve"])
def test_a_file_that_is_no_database_is_told_in_one_line_and_left_alone(tmp_path: Path, command: str) -> None:
    file = tmp_path / "content.sqlite"
    file.write_text("somebody's letter, and a long one, " * 100)

    line = refusal(run(command, DATABASE_URL=f"sqlite:///{file}"))

    assert line == f"content: the database at sqlite:///{file} failed: file is not a database"
    assert file.read_text() == "somebody's letter, and a long one, " * 100


@pytest.mark.parametrize("command", ["migrate", "seed"])
def test_a_server_that_is_not_there_is_told_in_one_line_without_its_password(command: str) -> None:
    done = run(
        command,
        DATABASE_URL="postgresql://flix:canary@127.0.0.1:1/flix?connect_timeout=2",
        DATABASE_WAIT_SECONDS="0",
    )

    line = refusal(done)
    assert line.startswith("content: the database at postgresql://flix@127.0.0.1:1/flix?connect_timeout=2 failed: ")
    assert "canary" not in line


@pytest.mark.parametrize("command", ["serve", "seed"])
def test_a_schema_that_is_behind_is_not_served_and_the_line_says_which_command_to_run(
    tmp_path: Path, command: str
) -> None:
    line = refusal(run(command, DATABASE_URL=f"sqlite:///{tmp_path / 'content.sqlite'}"))

    assert "python -m services.content migrate up" in line
    assert list(tmp_path.iterdir()) == []


def test_check_finds_what_is_wrong_and_fails(tmp_path: Path, file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE schema_ledger SET checksum = 'edited'")
    connection.close()

    absent = run("check", DATABASE_URL=f"sqlite:///{tmp_path / 'absent.sqlite'}")
    edited = run("check", DATABASE_URL=f"sqlite:///{file}")

    for done, what in ((absent, "is not applied"), (edited, "was edited after it was applied")):
        found = [line.split(": ")[1] for line in done.stdout.splitlines()]
        assert (done.returncode, done.stderr, found) == (1, "", [f"{name} {what}" for name in NAMES])


@pytest.mark.parametrize("answer", ["", "y\n", "YES\n"])
def test_seed_reset_asks_and_any_other_answer_than_yes_deletes_nothing(file: Path, answer: str) -> None:
    before = events_in(file)

    done = run("seed", "minimal", "--reset", say=answer, DATABASE_URL=f"sqlite:///{file}")

    question = f"Delete every row of content in sqlite:///{file}? Type yes to go on: "
    assert outcome(done) == (1, question, "nothing was deleted\n")
    assert events_in(file) == before > 0


@pytest.mark.parametrize(("arguments", "answer"), [((), "yes\n"), (("--yes",), "")])
def test_seed_reset_deletes_what_people_made_and_plants_anew(
    file: Path, arguments: tuple[str, ...], answer: str
) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE events SET title = 'changed'")
    connection.close()
    before, entries = events_in(file), entries_in(file)

    done = run("seed", "minimal", "--reset", *arguments, say=answer, DATABASE_URL=f"sqlite:///{file}")

    assert (done.returncode, "added " in done.stdout, done.stderr) == (0, True, "")
    assert events_in(file) == before
    assert entries_in(file) == {**{action: 2 * count for action, count in entries.items()}, "database.emptied": 1}
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM events WHERE title = 'changed'").fetchone() == (0,)
    connection.close()


def test_seed_reset_is_refused_in_the_managed_profile_even_with_yes(postgresql_url: str) -> None:
    managed = {
        "DATABASE_PROFILE": "managed",
        "DATABASE_URL": postgresql_url,
        "SERVICE_TOKEN_SECRET": SECRET,
        "AUTH_URL": "http://auth",
    }
    assert run("migrate", **managed).returncode == 0
    assert run("seed", "minimal", **managed).returncode == 0

    done = run("seed", "minimal", "--reset", "--yes", **managed)

    refused = "seed --reset is refused in the managed profile: it would delete real rows\n"
    assert outcome(done) == (1, "", refused)
    assert outcome(run("seed", "minimal", **managed)) == (0, "nothing to add\n", "")


def test_the_managed_profile_says_everything_that_is_missing_one_line_each() -> None:
    assert outcome(run("serve", DATABASE_PROFILE="managed", SERVICE_THREADS="0")) == (
        1,
        "",
        "SERVICE_TOKEN_SECRET is missing: the managed profile needs a random secret that only the services share\n"
        "AUTH_URL is missing: the managed profile needs the address of the auth service\n"
        "CONTENT_DATABASE_URL is missing: the managed profile needs a postgresql:// URL\n"
        "SERVICE_THREADS must be a whole number from 1 to 64, not '0'\n",
    )


@pytest.mark.parametrize("arguments", [(), ("migrate", "sideways"), ("seed", "nothing")])
def test_a_wrong_command_line_is_answered_with_how_to_use_it(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m services.content ")
    assert "Traceback" not in done.stderr


LOSES_ITS_FILE = """
import sys
from dataclasses import replace
from pathlib import Path
from services.content.__main__ import SERVICE
from services.kit.maintenance.command_line import main

def follow(database, settings):
    Path(database.database).unlink()
    database.close()
    database.execute_sql("SELECT 1")

sys.exit(main(replace(SERVICE, follow=follow), ["follow"]))
"""


def test_a_file_that_is_lost_under_a_follower_is_not_made_anew(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOSES_ITS_FILE],
        cwd=stack.ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite:///{file}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert refusal(done) == f"content: the database at sqlite:///{file} failed: unable to open database file"
    assert not file.exists()


def test_serve_makes_no_file(tmp_path: Path) -> None:
    file = tmp_path / "content.sqlite"
    assert "migrate" in refusal(run("serve", DATABASE_URL=f"sqlite:///{file}"))
    assert not file.exists()
