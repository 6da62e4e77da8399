"""Mistakes of operators, and full or read-only disks: one clear line, or 503."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compose.project import ComposeProject, ComposeStack
from tests.waiting import until

URL_FORMS = "DATABASE_URL: the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME\n"
PATH = "/internal/login"


def run_on(project: ComposeProject, url: str, *command: str, **more: str) -> tuple[int, str, str]:
    """Run content's command on that database; return exit code, output and errors."""
    done = project.run("content", *(command or ("serve",)), DATABASE_URL_FILE="", DATABASE_URL=url, **more)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("url", ["mysql://somewhere/content", "content.sqlite", "postgresql://somewhere", "sqlite://"])
def test_a_wrong_database_url_is_one_line(project: ComposeProject, url: str) -> None:
    assert run_on(project, url) == (1, "", URL_FORMS)


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


def test_sqlite_on_a_disk_that_is_too_small_is_one_line(project: ComposeProject) -> None:
    with project.sqlite_container("content", "64k", "python -m services.content migrate up") as container:
        code = container.wait()["StatusCode"]
        said = container.logs().decode()

    assert (code, len(said.splitlines())) == (1, 1), said
    # Peewee hides the cause: SQLite has ended the transaction by itself.
    assert said.startswith("001_initial failed and changed nothing (OperationalError: ")


def test_sqlite_on_a_full_disk_answers_503_until_there_is_room(compose_stack: ComposeStack) -> None:
    project, sign_in = compose_stack.project, dict(compose_stack.sign_in)
    start = " && ".join(
        f"{exe}python -m services.auth {command}"
        for exe, command in (("", "migrate up"), ("", "seed"), ("exec ", "serve"))
    )
    with project.sqlite_container("auth", "4m", start) as container:
        ask = project.asker(container, "auth")
        until(lambda: ask("/health/ready")[0] == 200, "auth is ready")
        assert ask(PATH, sign_in)[0] == 200
        container.exec_run(["sh", "-c", "cat /dev/zero >/data/filler"])
        responses = [ask(PATH, sign_in) for _ in range(10)]
        refused = [(status, document["error"]) for status, _, document in responses if status != 200]
        assert set(refused) == {(503, "UPSTREAM_UNAVAILABLE")}
        assert ask("/health/live")[0] == 200
        container.exec_run(["rm", "/data/filler"])
        assert ask(PATH, sign_in)[0] == 200
        said = container.logs().decode()
    assert "Traceback" not in said
    assert "database_unavailable" in said


def test_postgresql_on_a_full_disk_answers_503_until_there_is_room(
    other_stack: Callable[..., ComposeProject], tmp_path: Path
) -> None:
    small = tmp_path / "small-disk.yml"
    small.write_text(
        "services: {postgres: {command: [postgres, -c, min_wal_size=32MB, -c, max_wal_size=64MB]}}\n"
        "volumes: {data: {driver_opts: {type: tmpfs, device: tmpfs, o: size=160m}}}\n"
    )
    project = other_stack(str(small))
    project.up()
    stack = ComposeStack(project)
    with stack.admin() as admin:
        event = admin.post("/api/events", json={"title": "Full", "slug": "full"}).json()["item"]

        def write(number: int) -> tuple[int, str | None]:
            long = {"description": "long " * 79 + "end", "releaseAt": "2026-01-01T00:00:00Z"}
            lesson = {"title": "Lesson", "slug": f"lesson-{number}", **long}
            response = admin.post(f"/api/events/{event['id']}/lessons", json=lesson)
            return response.status_code, response.json().get("error")

        assert write(0) == (201, None)
        project.execute("postgres", "sh", "-c", "cat /dev/zero >/var/lib/postgresql/data/filler", user="root")
        responses = [write(number) for number in range(1, 101)]
        assert set(responses) - {(201, None)} == {(503, "UPSTREAM_UNAVAILABLE")}
        project.execute("postgres", "rm", "/var/lib/postgresql/data/filler", user="root")
        until(lambda: write(1000)[0] in (201, 409), "writing goes on")
        kept = admin.get(f"/api/events/{event['id']}/lessons").json()["items"]
    assert len(kept) == 2 + responses.count((201, None))
    assert "Traceback" not in "".join(project.log(service) for service in ("content", "gateway", "auth", "quiz"))
