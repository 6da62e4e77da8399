"""Thousands of quizzes in a real service: its list and its check hold up nobody."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.kit.core.instants import now
from services.kit.storage.database import open_database, transaction
from services.kit.storage.integrity import INTEGRITY
from services.kit.storage.lists import PIECE_ITEMS
from services.kit.web.reports import SHOWN_FINDINGS
from services.kit.web.tokens.service import issue_service_token
from services.quiz.repository.store import PeeweeQuizStore
from tests.installation import Installation, installation
from tests.processes import is_running
from tests.quiz.examples import numbered_quiz
from tests.waiting import until

pytestmark = pytest.mark.full

QUIZZES = 3_000
SEEDED = 1


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A stack whose quiz service has thousands of quizzes, of lessons that content does not have."""
    with installation(tmp_path_factory.mktemp("lists"), WEB_CONCURRENCY="1") as made:
        made.prepare()
        made.start()
        with closing(open_database(made.environment["QUIZ_DATABASE_URL"])) as database:
            store = PeeweeQuizStore(database)
            # Once, when it has no position, the follower removes quizzes of lessons that content does not have.
            until(lambda: store.following.position() is not None, "the follower's first comparison")
            with transaction(database):
                for number in range(QUIZZES):
                    store.quizzes.add(numbered_quiz(number))
        yield made


def test_while_a_long_list_is_built_other_requests_are_answered(built: Installation) -> None:
    finished = threading.Event()
    responses: list[httpx.Response] = []

    def read() -> None:
        responses.append(admin.get("/api/quizzes"))
        finished.set()

    answered = 0
    with built.admin() as admin, httpx.Client(base_url=built.addresses["quiz"], trust_env=False, timeout=60) as other:
        reader = threading.Thread(target=read)
        reader.start()
        while not finished.is_set():
            # It asks no database: the event loop itself answers.
            assert other.get("/health/live").status_code == 200
            answered += 1
        reader.join()

    [response] = responses
    assert (response.status_code, len(response.json()["items"])) == (200, QUIZZES + SEEDED)
    # Between most pieces, even where other tests take most of the processor time.
    assert answered >= QUIZZES / PIECE_ITEMS / 4


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_the_check_runs_in_another_process_that_ends_with_its_worker(built: Installation) -> None:
    [worker] = children(built.pid("quiz"))
    with reports(built) as report, ThreadPoolExecutor(1) as pool:
        # It waits for the end of the check, and gets no response from a worker that is killed.
        waiting = pool.submit(report)
        until(lambda: bool(checks(worker)), "a process that checks")
        [check] = checks(worker)
        # So that it cannot finish before the worker is killed.
        os.kill(check, signal.SIGSTOP)
        until(lambda: os.getpriority(os.PRIO_PROCESS, check) == 19 or wake(check), "the lowest priority")
        assert check != worker

        os.kill(worker, signal.SIGKILL)
        until(lambda: not is_running(check), "the end of the check")
        waiting.exception()


def test_a_check_counts_all_findings_and_shows_some(built: Installation) -> None:
    with reports(built) as report:
        while (item := report())["status"] == "running":
            pass
    assert (item["status"], item["total"], len(item["findings"])) == ("findings", QUIZZES, SHOWN_FINDINGS)


@contextmanager
def reports(built: Installation) -> Iterator[Callable[[], Any]]:
    """A function that returns the report of quiz alone."""
    secret = built.environment["SERVICE_TOKEN_SECRET"]
    with httpx.Client(base_url=built.addresses["quiz"], trust_env=False, timeout=60) as client:

        def report() -> Any:
            token = issue_service_token(secret, "gateway", "quiz", now())
            headers = {"Authorization": f"Bearer {token}"}
            return client.get(INTEGRITY, headers=headers).raise_for_status().json()["item"]

        yield report


def wake(pid: int) -> bool:
    """Let the process go on for a moment; return False."""
    os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGSTOP)
    return False


def checks(worker: int) -> list[int]:
    """The processes in which the worker checks its database."""
    return [pid for pid in children(worker) if b"findings" in command_line(pid)]


def command_line(pid: int) -> bytes:
    """The arguments of a process, empty when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def children(pid: int) -> list[int]:
    """The processes that any thread of the process has started."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return found
