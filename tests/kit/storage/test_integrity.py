"""services.kit.storage.integrity: one check at a time, beside the service; its report is given out once."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from services.auth.app import create_app
from services.auth.config import read_settings
from services.auth.migrations import MIGRATIONS
from services.kit.core.findings import Finding, Progress
from services.kit.core.instants import now, parse_instant
from services.kit.storage.database import open_database
from services.kit.storage.integrity import SHOWN_FINDINGS, Integrity
from services.kit.web.app import create_web_app
from services.kit.web.guards import Guard, Route
from services.kit.web.tokens.service import issue_service_token
from tests.violations import execute

FOUND = Finding("events", "event-1", "event_link", "wrong", lambda: "made it right")


class Checks:
    """Checks that go on until they are told to end, and how often one began."""

    def __init__(self, *findings: Finding):
        self.begun = 0
        self.may_end = threading.Event()
        self._findings = findings

    def __call__(self, progress: Progress) -> Iterable[Finding]:
        """As the resource begins it."""
        self.begun += 1
        progress.begin("attempts", 1_000)
        progress.advance(400)
        yield from self._findings
        self.may_end.wait()


@contextmanager
def asking(checks: Callable[[Progress], Iterable[Finding]], wait_seconds: float) -> Iterator[Callable[[], Any]]:
    """What answers with the report under `item`."""
    app: Any = create_web_app([Route("/integrity", Integrity(checks, wait_seconds), Guard.OPEN)], [])

    async def get() -> Any:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://content") as client:
            return (await client.get("/integrity")).json()["item"]

    with asyncio.Runner() as runner:
        yield lambda: runner.run(get())


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    """The report, and that its instants are well formed and in order."""
    started_at, finished_at = report.pop("startedAt"), report.pop("finishedAt")
    assert finished_at is None or parse_instant(started_at) <= parse_instant(finished_at)
    assert (finished_at is None) == (report["status"] == "running")
    return report


def test_a_check_that_takes_long_is_told_as_running_and_its_report_comes_once() -> None:
    checks = Checks(FOUND)
    with asking(checks, 0.01) as ask:
        running = {
            "status": "running",
            "progress": {"stage": "attempts", "done": 400, "of": 1_000},
            "total": 1,
            "findings": [
                {
                    "table": "events",
                    "id": "event-1",
                    "rule": "event_link",
                    "message": "wrong",
                    "repairable": True,
                }
            ],
        }
        while (report := without_times(ask()))["total"] == 0:
            assert report["status"] == "running"
        assert report == running
        assert without_times(ask()) == running
        assert checks.begun == 1

        checks.may_end.set()
        while (report := without_times(ask()))["status"] == "running":
            pass
        assert report == {**running, "status": "findings", "progress": None}
        assert checks.begun == 1
        ask()
        assert checks.begun == 2


def test_an_answer_names_some_findings_and_counts_all() -> None:
    checks = Checks(*[FOUND] * (SHOWN_FINDINGS + 50))
    checks.may_end.set()
    with asking(checks, 60) as ask:
        report = ask()

    assert (report["total"], len(report["findings"]), report["status"]) == (250, 200, "findings")


def test_a_check_that_breaks_off_is_a_finding() -> None:
    def breaks(progress: Progress) -> Iterable[Finding]:
        raise ValueError("unexpected")

    with asking(breaks, 60) as ask:
        [finding] = ask()["findings"]

    assert (finding["rule"], finding["message"]) == ("not_checked", "broke off: unexpected")


@pytest.mark.parametrize("statement", [None, "DROP INDEX admins_username"])
def test_a_service_answers_for_its_own_database_to_holders_of_a_service_token(
    database_url: str, statement: str | None
) -> None:
    database = open_database(database_url)
    MIGRATIONS.up(database)
    if statement is not None:
        execute(database, statement)
    database.close()
    settings = read_settings({"AUTH_DATABASE_URL": database_url})
    app: Any = create_app(settings)
    token = issue_service_token(settings.service_secret, "gateway", "auth", now())

    async def get(headers: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://auth") as client:
            return await client.get("/internal/integrity", headers=headers)

    refused = asyncio.run(get({}))
    answer = asyncio.run(get({"Authorization": f"Bearer {token}"}))

    report = answer.json()["item"]
    found = [(each["table"], each["id"], each["rule"], each["repairable"]) for each in report["findings"]]
    assert refused.status_code == 401
    assert (answer.status_code, report["status"]) == (200, "findings" if statement else "ok")
    assert found == ([("admins", "admins_username", "index_missing", True)] if statement else [])
