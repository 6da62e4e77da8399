"""Mistakes of operators: one clear line."""

from collections.abc import Callable

import pytest

from tests.compose.project import ComposeProject


def run_on(project: ComposeProject, url: str, *command: str, **more: str) -> tuple[int, str, str]:
    """Run content's command on that database; return exit code, output and errors."""
    done = project.run("content", *(command or ("serve",)), DATABASE_URL_FILE="", DATABASE_URL=url, **more)
    return done.returncode, done.stdout, done.stderr


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
