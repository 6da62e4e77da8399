"""Mistakes of operators: one clear line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compose.project import ComposeProject


def run_on(project: ComposeProject, url: str, *command: str, **more: str) -> tuple[int, str, str]:
    """Run content's command on that database; return exit code, output and errors."""
    done = project.run("content", *(command or ("serve",)), DATABASE_URL_FILE="", DATABASE_URL=url, **more)
    return done.returncode, done.stdout, done.stderr


def test_a_database_url_file_that_is_not_there_is_named(project: ComposeProject) -> None:
    done = project.run("content", "serve", DATABASE_URL_FILE="/run/flix/nowhere")

    reason = "DATABASE_URL_FILE: /run/flix/nowhere cannot be read (No such file or directory)\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", reason)


@pytest.mark.parametrize("command", [("serve",), ("migrate", "up"), ("seed",)])
def test_a_database_that_stays_down_is_awaited_and_then_one_line(
    project: ComposeProject, command: tuple[str, ...]
) -> None:
    url = project.secret("content_runtime/database_url")
    project.container("postgres").stop()
    code, output, errors = run_on(project, url, *command, DATABASE_WAIT_SECONDS="2")

    assert (code, output, len(errors.splitlines())) == (1, "", 1), errors
    assert errors.startswith("content: the database at postgresql://content_runtime@postgres:5432/content failed: ")
    assert url.split(":")[2].split("@")[0] not in errors


# If they waited for the database, they would wait ten minutes.
PATIENT = {"DATABASE_WAIT_SECONDS": "600"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda url: url.replace("@", "x@"), 'password authentication failed for user "content_runtime"'),
        (lambda url: url.replace("content_runtime", "nobody"), 'password authentication failed for user "nobody"'),
        (lambda url: url.removesuffix("content") + "nothing", 'database "nothing" does not exist'),
        (lambda url: url.removesuffix("content") + "quiz", 'permission denied for database "quiz"'),
    ],
)
def test_a_refusal_by_the_database_is_one_line_at_once(
    project: ComposeProject, change: Callable[[str], str], reason: str
) -> None:
    url = change(project.secret("content_runtime/database_url"))
    code, output, errors = run_on(project, url, **PATIENT)

    assert (code, output, len(errors.splitlines())) == (1, "", 1), errors
    assert reason in errors
    assert url.split(":")[2].split("@")[0] not in errors


def test_an_empty_database_says_to_migrate(project: ComposeProject) -> None:
    project.sql("postgres", "CREATE DATABASE bare OWNER content_owner")
    try:
        url = project.secret("content_owner/database_url").removesuffix("content") + "bare"
        refused = run_on(project, url)
    finally:
        project.sql("postgres", "DROP DATABASE bare WITH (FORCE)")

    assert refused == (1, "", "001_initial is not applied: run python -m services.content migrate up\n")


@pytest.mark.parametrize("command", [("migrate", "up"), ("serve",), ("seed",)])
def test_sqlite_on_a_read_only_volume_is_one_line(
    project: ComposeProject, tmp_path: Path, command: tuple[str, ...]
) -> None:
    tmp_path.chmod(0o777)
    done = project.run(
        "content",
        *command,
        volumes=[f"{tmp_path}:/data:ro"],
        DATABASE_URL_FILE="",
        DATABASE_URL="sqlite:////data/content.sqlite",
    )

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    if command[0] == "migrate":
        assert done.stderr.startswith("content: the database at sqlite:////data/content.sqlite failed: ")
    else:
        assert done.stderr == "001_initial is not applied: run python -m services.content migrate up\n"
