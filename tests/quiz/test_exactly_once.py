"""Real processes: one that is killed between commit and answer, and two that get the same request at once."""

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
from tests.contract.doors import unused_port
from tests.contract.people import OWN
from tests.installation import Installation, installation

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
    """A connection of the test's own."""
    database = open_database(stack.environment[f"{service.upper()}_DATABASE_URL"])
    yield database
    database.close()


def count(stack: Installation, service: str, table: str) -> int:
    """How many rows there are."""
    with database_of(stack, service) as database:
        return int(database.execute_sql(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


@contextmanager
def dying(stack: Installation, service: str) -> Iterator[subprocess.Popen[bytes]]:
    """The service in its place, as one that ends when it has created something."""
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
def test_what_was_committed_by_a_process_that_was_killed_before_it_answered_is_answered_by_the_next(
    stack: Installation, service: str, table: str, status: int
) -> None:
    before = count(stack, service, table)
    with stack.admin() as admin:

        def send() -> httpx.Response:
            address, body = REQUESTS[service]
            return admin.post(address, json=body, headers=KEY)

        with dying(stack, service) as process:
            unheard = send()
            process.wait(30)
        assert (unheard.status_code, unheard.json()["error"]) == (503, "UPSTREAM_UNAVAILABLE")
        assert count(stack, service, table) == before + 1

        stack.start(service)
        answers = [send(), send()]

    assert [(each.status_code, each.headers.get("Idempotency-Replayed")) for each in answers] == [(status, "true")] * 2
    assert answers[0].content == answers[1].content
    assert count(stack, service, table) == before + 1
    if service == "auth":
        # It was answered by no process that knew the password, and is the right one.
        came = {"username": PERSON["username"], "password": answers[0].json()["initialPassword"], "newPassword": OWN}
        with stack.client() as anyone:
            assert anyone.post("/api/admin/login", json=came).status_code == 200


@contextmanager
def second_quiz(stack: Installation) -> Iterator[str]:
    """The address of another process of quiz on the same database."""
    port = str(unused_port())
    process = processes.start("quiz", {**stack.environment, "QUIZ_PORT": port}, stack.logs / "second")
    address = f"http://127.0.0.1:{port}"
    try:
        processes.wait_until(lambda: processes.is_ready(address), [process])
        yield address
    finally:
        processes.stop([process])


@contextmanager
def nobody_submits(stack: Installation) -> Iterator[peewee.Database]:
    """Whoever keeps an attempt waits."""
    with database_of(stack, "quiz") as database, transaction(database):
        if is_postgresql(database):
            database.execute_sql("LOCK TABLE quiz_attempts IN EXCLUSIVE MODE")
        yield database


def submit(stack: Installation, address: str, key: str) -> httpx.Response:
    """Ask a process of quiz itself, as the gateway does."""
    token = issue_service_token(stack.environment["SERVICE_TOKEN_SECRET"], "gateway", "quiz", now())
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    return httpx.post(f"{address}/internal/submissions", json=SUBMITTED, headers=headers, timeout=30, trust_env=False)


def told(answer: httpx.Response) -> tuple[int, str | None]:
    """The status, and whether the answer says that it is given again."""
    return answer.status_code, answer.headers.get("Idempotency-Replayed")


def wait_for_key(database: peewee.Database, sent: Future[Any]) -> None:
    """Until a process holds a key."""
    held = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = " + (
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    while not database.execute_sql(held).fetchone()[0]:
        assert not sent.done()
        time.sleep(0.01)


@pytest.mark.parametrize("stack", ["postgresql"], indirect=True)
@pytest.mark.parametrize("fate", ["finishes", "is killed"])
def test_on_postgresql_another_process_says_in_flight_until_the_first_one_finishes_or_is_gone(
    stack: Installation, fate: str
) -> None:
    before = count(stack, "quiz", "quiz_attempts")
    with second_quiz(stack) as other, ThreadPoolExecutor(1) as pool:
        with nobody_submits(stack) as database:
            sent = pool.submit(submit, stack, stack.addresses["quiz"], fate)
            wait_for_key(database, sent)
            refused = submit(stack, other, fate)
            if fate == "is killed":
                stack.kill("quiz")
        assert (refused.status_code, refused.json()["error"]) == (409, "IDEMPOTENCY_KEY_IN_FLIGHT")
        assert refused.headers["Retry-After"] == "1"
        if fate == "is killed":
            assert isinstance(sent.exception(), httpx.HTTPError)
        else:
            assert told(sent.result()) == (200, None)
        answer = submit(stack, other, fate)
        while answer.status_code == 409:
            # The server notices a connection that is gone when it next uses it.
            answer = submit(stack, other, fate)
    assert told(answer) == (200, None if fate == "is killed" else "true")
    assert count(stack, "quiz", "quiz_attempts") == before + 1
    stack.start()


@pytest.mark.parametrize("stack", ["sqlite"], indirect=True)
def test_on_sqlite_another_process_waits_for_its_turn_and_gives_the_same_answer(stack: Installation) -> None:
    before = count(stack, "quiz", "quiz_attempts")
    with second_quiz(stack) as other, ThreadPoolExecutor(2) as pool:
        with nobody_submits(stack):
            sent = [pool.submit(submit, stack, address, "two") for address in (stack.addresses["quiz"], other)]
        answers = [each.result() for each in sent]
    assert sorted(told(each) for each in answers if each.headers.get("Idempotency-Replayed")) == [(200, "true")]
    assert answers[0].content == answers[1].content
    assert count(stack, "quiz", "quiz_attempts") == before + 1
