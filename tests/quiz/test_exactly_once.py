"""Real processes: one killed between commit and response, and two that get the same request at once."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import peewee
import pytest

from deploy import stack as processes
from services.kit.core.instants import now
from services.kit.storage.database import is_postgresql, open_database, transaction
from services.kit.web.tokens.service import issue_service_token
from tests.contract.people import OWN
from tests.installation import Installation, installation
from tests.ports import free_port

pytestmark = pytest.mark.full

SUBMIT = "/api/public/events/flix-mvp-launch-event/lessons/kickoff-do-mvp/quiz/submit"
EVENT = {"title": "Made once", "slug": "made-once"}
PERSON = {"username": "invited-once", "role": "viewer"}
REQUESTS: dict[str, tuple[str, Any]] = {
    "quiz": (SUBMIT, {"answers": []}),
    "content": ("/api/events", EVENT),
    "auth": ("/api/admin/users", PERSON),
}
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
SUBMITTED = {
    "eventSlug": "flix-mvp-launch-event",
    "lessonSlug": "kickoff-do-mvp",
    "lessonId": "lesson-public-1",
    "lessonTitle": "Kickoff",
    "submission": {"answers": []},
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A migrated and seeded installation, running, on each engine in turn."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    with installation(tmp_path_factory.mktemp(request.param), server) as built:
        built.prepare()
        built.start()
        yield built


@contextmanager
def database_of(stack: Installation, service: str) -> Iterator[peewee.Database]:
    """Open a connection."""
    database = open_database(stack.environment[f"{service.upper()}_DATABASE_URL"])
    yield database
    database.close()


def count(stack: Installation, service: str, table: str) -> int:
    """Return the number of rows."""
    with database_of(stack, service) as database:
        return int(database.execute_sql(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


@contextmanager
def dying(stack: Installation, service: str) -> Iterator[subprocess.Popen[bytes]]:
    """Replace the service by one that is killed right after it has created something."""
    stack.stop(service)
    with (stack.logs / f"dying-{service}.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.dying", service]
        process = subprocess.Popen(
            command, cwd=processes.ROOT, env=stack.environment, stdout=log, stderr=log, start_new_session=True
        )
    started = processes.Process(service, process, Path(log.name))
    try:
        processes.wait_until(lambda: processes.is_ready(stack.addresses[service]), [started])
        yield process
    finally:
        processes.kill(started)


@pytest.mark.parametrize(
    ("service", "table", "status"),
    [("quiz", "quiz_attempts", 200), ("content", "events", 201), ("auth", "admins", 201)],
)
def test_what_a_killed_process_has_committed_is_replayed_by_the_next(
    stack: Installation, service: str, table: str, status: int
) -> None:
    before = count(stack, service, table)
    with stack.admin() as admin:

        def send() -> httpx.Response:
            address, body = REQUESTS[service]
            return admin.post(address, json=body, headers=KEY)

        with dying(stack, service) as process:
            failed = send()
            process.wait(30)
        assert (failed.status_code, failed.json()["error"]) == (503, "UPSTREAM_UNAVAILABLE")
        assert count(stack, service, table) == before + 1

        stack.start(service)
        replays = [send(), send()]

    assert [(each.status_code, each.headers.get("Idempotency-Replayed")) for each in replays] == [(status, "true")] * 2
    assert replays[0].content == replays[1].content
    assert count(stack, service, table) == before + 1
    if service == "auth":
        # The process that replays the password has never known it, and it is the right one.
        login = {"username": PERSON["username"], "password": replays[0].json()["initialPassword"], "newPassword": OWN}
        with stack.client() as anyone:
            assert anyone.post("/api/admin/login", json=login).status_code == 200


@contextmanager
def second_quiz(stack: Installation) -> Iterator[str]:
    """Start another process of quiz on the same database, and yield its address."""
    port = str(free_port())
    process = processes.start("quiz", {**stack.environment, "QUIZ_PORT": port}, stack.logs / "second")
    address = f"http://127.0.0.1:{port}"
    try:
        processes.wait_until(lambda: processes.is_ready(address), [process])
        yield address
    finally:
        processes.stop([process])


@contextmanager
def attempts_locked(stack: Installation) -> Iterator[peewee.Database]:
    """Make every process that writes an attempt wait."""
    with database_of(stack, "quiz") as database, transaction(database):
        if is_postgresql(database):
            database.execute_sql("LOCK TABLE quiz_attempts IN EXCLUSIVE MODE")
        yield database


def submit(stack: Installation, address: str, key: str) -> httpx.Response:
    """Send the submission to a process of quiz, as the gateway does."""
    token = issue_service_token(stack.environment["SERVICE_TOKEN_SECRET"], "gateway", "quiz", now())
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    return httpx.post(f"{address}/internal/submissions", json=SUBMITTED, headers=headers, timeout=30, trust_env=False)


def replay_of(response: httpx.Response) -> tuple[int, str | None]:
    """Return the status, and whether the response is a replay."""
    return response.status_code, response.headers.get("Idempotency-Replayed")


def wait_for_key(database: peewee.Database, request: Future[Any]) -> None:
    """Wait until a process has locked a key."""
    locks = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = " + (
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    while not database.execute_sql(locks).fetchone()[0]:
        assert not request.done()
        time.sleep(0.01)


@pytest.mark.parametrize("stack", ["postgresql"], indirect=True)
@pytest.mark.parametrize("fate", ["finishes", "is killed"])
def test_on_postgresql_another_process_refuses_a_key_in_flight(stack: Installation, fate: str) -> None:
    before = count(stack, "quiz", "quiz_attempts")
    with second_quiz(stack) as other, ThreadPoolExecutor(1) as pool:
        with attempts_locked(stack) as database:
            first = pool.submit(submit, stack, stack.addresses["quiz"], fate)
            wait_for_key(database, first)
            refused = submit(stack, other, fate)
            if fate == "is killed":
                stack.kill("quiz")
        assert (refused.status_code, refused.json()["error"]) == (409, "IDEMPOTENCY_KEY_IN_FLIGHT")
        assert refused.headers["Retry-After"] == "1"
        if fate == "is killed":
            assert isinstance(first.exception(), httpx.HTTPError)
        else:
            assert replay_of(first.result()) == (200, None)
        second = submit(stack, other, fate)
        while second.status_code == 409:
            # The server notices a connection that is gone when it next uses it.
            second = submit(stack, other, fate)
    assert replay_of(second) == (200, None if fate == "is killed" else "true")
    assert count(stack, "quiz", "quiz_attempts") == before + 1
    stack.start()


@pytest.mark.parametrize("stack", ["sqlite"], indirect=True)
def test_on_sqlite_another_process_waits_and_replays(stack: Installation) -> None:
    before = count(stack, "quiz", "quiz_attempts")
    with second_quiz(stack) as other, ThreadPoolExecutor(2) as pool:
        with attempts_locked(stack):
            requests = [pool.submit(submit, stack, address, "two") for address in (stack.addresses["quiz"], other)]
        responses = [each.result() for each in requests]
    assert sorted(replay_of(each) for each in responses if each.headers.get("Idempotency-Replayed")) == [(200, "true")]
    assert responses[0].content == responses[1].content
    assert count(stack, "quiz", "quiz_attempts") == before + 1
