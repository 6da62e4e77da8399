"""The command line of a service, as an operator uses it."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from deploy import stack
from services.content.__main__ import SERVICE
from services.kit.maintenance.command_line import main
from tests.read_only import read_only

NAMES = tuple(sorted(file.stem for file in SERVICE.migrations.directory.glob("0*.py")))
PENDING = "".join(f"{name}  pending\n" for name in NAMES)
MANAGED = {
    "DATABASE_PROFILE": "managed",
    "SERVICE_TOKEN_SECRET": "a secret that only these tests know, long enough",
    "AUTH_URL": "http://auth",
}


class Outcome(NamedTuple):
    """The exit code of a command and its two outputs."""

    code: int
    output: str
    errors: str


class CommandLine:
    """Content's command line, run in this process with no other environment than what is given."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def run(self, *arguments: str, typed: str = "", **variables: str) -> Outcome:
        """Run a command; the operator types `typed` when asked."""
        lines = typed.splitlines()

        def read_line(question: str) -> str:
            sys.stdout.write(question)
            if not lines:
                raise EOFError
            return lines.pop(0)

        self._monkeypatch.setattr("builtins.input", read_line)
        with patch.dict(os.environ, variables, clear=True):
            try:
                code = main(SERVICE, arguments)
            except SystemExit as end:
                code = int(str(end.code))
        return Outcome(code, *self._capsys.readouterr())

    def refusal(self, *arguments: str, **variables: str) -> str:
        """Run a command that is refused and return its one line."""
        code, _, errors = self.run(*arguments, **variables)
        assert (code, errors.count("\n")) == (1, 1), errors
        return errors.rstrip("\n")


@pytest.fixture
def command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capsys, monkeypatch)


def in_process_of_its_own(code: str, *arguments: str, **variables: str) -> Outcome:
    """Run a command that configures logging for its process."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=stack.ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


MAIN = "import sys; from services.content.__main__ import SERVICE, main; sys.exit(main(SERVICE))"


def rows(file: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("seeded") / "content.sqlite"
    with patch.dict(os.environ, {"DATABASE_URL": f"sqlite:///{database}"}, clear=True):
        assert [main(SERVICE, each) for each in (("migrate",), ("seed", "minimal"))] == [0, 0]
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database


@pytest.fixture
def file(seeded: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(shutil.copy(seeded, tmp_path / "content.sqlite"))


# migrate


def test_migrate_and_seed_bring_a_new_database_up_once(tmp_path: Path, command_line: CommandLine) -> None:
    # The folder does not exist yet.
    file = tmp_path / "data" / "deep" / "content.sqlite"
    url = f"sqlite:///{file}"
    assert command_line.run("migrate", "status", DATABASE_URL=url) == (0, PENDING, "")
    assert not file.parent.exists()
    assert command_line.run("migrate", DATABASE_URL=url) == (0, "".join(f"applied {name}\n" for name in NAMES), "")
    assert command_line.run("migrate", "up", DATABASE_URL=url) == (0, "nothing to do\n", "")
    seeded = command_line.run("seed", "minimal", DATABASE_URL=url)
    assert (seeded.code, seeded.output[:6], seeded.errors) == (0, "added ", "")
    assert command_line.run("seed", "minimal", DATABASE_URL=url) == (0, "nothing to add\n", "")
    assert command_line.run("migrate", "check", DATABASE_URL=url) == (0, "no findings\n", "")
    assert in_process_of_its_own(MAIN, "check", DATABASE_URL=url) == (0, "no findings\n", "")
    status = command_line.run("migrate", "status", DATABASE_URL=url).output.splitlines()
    assert [(name, at[-1]) for name, at in map(str.split, status)] == [(name, "Z") for name in NAMES]


def test_migrate_down_rolls_back_one_migration_at_a_time(file: Path, command_line: CommandLine) -> None:
    url = f"sqlite:///{file}"
    for name in reversed(NAMES):
        assert command_line.run("migrate", "down", "--yes", DATABASE_URL=url) == (0, f"rolled back {name}\n", "")
    assert command_line.run("migrate", "status", DATABASE_URL=url) == (0, PENDING, "")
    for each in (url, f"{url}.absent"):
        assert command_line.run("migrate", "down", DATABASE_URL=each) == (0, "nothing to do\n", "")


LOSING = "007_seed_mark"


def test_what_loses_rows_is_refused(postgresql_url: str, command_line: CommandLine) -> None:
    managed = {**MANAGED, "DATABASE_URL": postgresql_url}
    assert [command_line.run(*each, **managed).code for each in (("migrate",), ("seed", "minimal"))] == [0, 0]
    refused = "seed --reset is refused in the managed profile: it would delete real rows\n"
    assert command_line.run("seed", "minimal", "--reset", "--yes", **managed) == (1, "", refused)
    assert command_line.run("seed", "minimal", **managed) == (0, "nothing to add\n", "")
    for name in reversed(NAMES[NAMES.index(LOSING) + 1 :]):
        assert command_line.run("migrate", "down", **managed) == (0, f"rolled back {name}\n", "")
    refused = (
        f"{LOSING} was not rolled back, because that loses seed_mark (1 of 1 rows): "
        "make a backup, then run python -m services.content migrate down --yes\n"
    )
    for variables in (managed, {"DATABASE_URL": postgresql_url}):
        assert command_line.run("migrate", "down", **variables) == (1, "", refused)
    assert command_line.run("migrate", "down", "--yes", **managed) == (0, f"rolled back {LOSING}\n", "")
    assert command_line.run("migrate", "accept", **managed) == (0, "nothing to do\n", "")
    applied = "".join(f"applied {name}\n" for name in NAMES[NAMES.index(LOSING) :])
    assert command_line.run("migrate", "up", **managed) == (0, applied, "")
    accepted = (0, f"accepted what the rollback of {LOSING} lost\n", "")
    assert command_line.run("migrate", "accept", **managed) == accepted


# Refusals


@pytest.mark.parametrize(
    ("command", "url"), [("serve", "mysql://root@localhost/flix"), ("migrate", "content.sqlite"), ("seed", "sqlite://")]
)
def test_a_wrong_database_url_is_refused_by_its_variable(command: str, url: str, command_line: CommandLine) -> None:
    form = "the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    outcome = command_line.run(command, CONTENT_DATABASE_URL=url)
    assert outcome == (1, "", f"CONTENT_DATABASE_URL: {form}\n")


def test_a_file_in_place_of_the_folder_is_refused_in_one_line(tmp_path: Path, command_line: CommandLine) -> None:
    (tmp_path / "data").write_text("a file")
    url = f"sqlite:///{tmp_path}/data/content.sqlite"
    line = command_line.refusal("migrate", DATABASE_URL=url)
    assert line.startswith(f"content: the database at {url} failed: ")
    assert (tmp_path / "data").read_text() == "a file"


@pytest.mark.parametrize(("command", "path"), [("migrate", "."), ("seed", "content.sqlite")])
def test_what_takes_no_writes_is_refused_with_what_to_do(
    file: Path, command: str, path: str, command_line: CommandLine
) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = delete")
        # With nothing to add, seed would not write.
        connection.execute("DELETE FROM seed_mark")
        connection.executescript("DROP TRIGGER audit_log_no_DELETE; DELETE FROM audit_log; DELETE FROM materials")
        connection.executescript(
            "DELETE FROM lessons; DELETE FROM events; DELETE FROM changes; DELETE FROM change_feed"
        )
    advice = "(let this user write the file and its folder, or name one that takes writes in CONTENT_DATABASE_URL)"
    with read_only(file.parent / path):
        line = command_line.refusal(command, DATABASE_URL=f"sqlite:///{file}")
    assert line.startswith(f"content: the database at sqlite:///{file} failed: ")
    assert line.endswith(advice)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, command_line: CommandLine) -> None:
    file = tmp_path / "content.sqlite"
    text = "somebody's letter, and a long one, " * 100
    file.write_text(text)
    expected = f"content: the database at sqlite:///{file} failed: file is not a database"
    for command in ("migrate", "serve"):
        assert command_line.refusal(command, DATABASE_URL=f"sqlite:///{file}") == expected
    assert in_process_of_its_own(MAIN, "check", DATABASE_URL=f"sqlite:///{file}") == (1, "", f"{expected}\n")
    assert file.read_text() == text


@pytest.mark.parametrize("command", ["migrate", "seed"])
def test_an_absent_server_is_named_without_its_password(command: str, command_line: CommandLine) -> None:
    url = "postgresql://flix:canary@127.0.0.1:1/flix?connect_timeout=2"
    line = command_line.refusal(command, DATABASE_URL=url, DATABASE_WAIT_SECONDS="0")
    assert line.startswith("content: the database at postgresql://flix@127.0.0.1:1/flix?connect_timeout=2 failed: ")
    assert "canary" not in line


@pytest.mark.parametrize("command", ["serve", "seed"])
def test_a_pending_migration_is_refused_with_the_command_to_run(
    tmp_path: Path, command: str, command_line: CommandLine
) -> None:
    line = command_line.refusal(command, DATABASE_URL=f"sqlite:///{tmp_path / 'content.sqlite'}")
    assert "python -m services.content migrate up" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [(), ("migrate", "sideways"), ("seed", "nothing")])
def test_a_wrong_command_line_shows_its_usage(arguments: tuple[str, ...], command_line: CommandLine) -> None:
    outcome = command_line.run(*arguments)
    assert (outcome.code, outcome.output) == (2, "")
    assert outcome.errors.startswith("usage: python -m services.content ")


# check, seed --reset, follow


def test_check_prints_the_findings_and_fails(tmp_path: Path, file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE schema_ledger SET checksum = 'edited'")
    expected = {tmp_path / "absent.sqlite": "is not applied", file: "was edited after it was applied"}
    for database, problem in expected.items():
        outcome = in_process_of_its_own(MAIN, "check", DATABASE_URL=f"sqlite:///{database}")
        problems = [line.split(": ")[1] for line in outcome.output.splitlines()]
        assert (outcome.code, outcome.errors, problems) == (1, "", [f"{name} {problem}" for name in NAMES])


@pytest.mark.parametrize("typed", ["", "y\n", "YES\n"])
def test_seed_reset_deletes_nothing_without_a_yes(file: Path, typed: str, command_line: CommandLine) -> None:
    before = rows(file, "SELECT * FROM events")
    outcome = command_line.run("seed", "minimal", "--reset", typed=typed, DATABASE_URL=f"sqlite:///{file}")
    question = f"Delete every row of content in sqlite:///{file}? Type yes to continue: "
    assert outcome == (1, question, "nothing was deleted\n")
    assert rows(file, "SELECT * FROM events") == before != []


@pytest.mark.parametrize(("options", "typed"), [((), "yes\n"), (("--yes",), "")])
def test_seed_reset_deletes_all_rows_and_seeds_again(
    file: Path, options: tuple[str, ...], typed: str, command_line: CommandLine
) -> None:
    entries = "SELECT action, count(*) FROM audit_log GROUP BY action"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE events SET title = 'changed'")
    before, entries_before = rows(file, "SELECT id FROM events"), rows(file, entries)
    outcome = command_line.run("seed", "minimal", "--reset", *options, typed=typed, DATABASE_URL=f"sqlite:///{file}")
    assert (outcome.code, "added " in outcome.output, outcome.errors) == (0, True, "")
    assert rows(file, "SELECT id FROM events") == before
    assert rows(file, "SELECT id FROM events WHERE title = 'changed'") == []
    doubled = [(action, 2 * count) for action, count in entries_before]
    assert rows(file, entries) == sorted([*doubled, ("database.emptied", 1)])


LOSES_ITS_FILE = """
import sys
from dataclasses import replace
from pathlib import Path
from services.content.__main__ import SERVICE
from services.kit.maintenance.command_line import main
from tests.read_only import read_only

def follow(database, settings):
    Path(database.database).unlink()
    database.close()
    database.execute_sql("SELECT 1")

sys.exit(main(replace(SERVICE, follow=follow), ["follow"]))
"""


def test_a_follower_does_not_create_a_lost_file(file: Path) -> None:
    outcome = in_process_of_its_own(LOSES_ITS_FILE, DATABASE_URL=f"sqlite:///{file}")
    advice = "(let this user read and write the file and its folder)"
    expected = f"content: the database at sqlite:///{file} failed: unable to open database file {advice}\n"
    assert outcome == (1, "", expected)
    assert not file.exists()
