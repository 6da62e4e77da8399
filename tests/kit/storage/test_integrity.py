"""services.kit.storage.integrity: one check at a time, whose report is sent once."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.auth.app import create_app
from services.auth.config import read_settings
from services.auth.migrations import MIGRATIONS
from services.kit.core.findings import Finding
from services.kit.core.instants import now, parse_instant
from services.kit.storage.database import open_database
from services.kit.storage.integrity import CheckLine, Integrity
from services.kit.web.app import create_web_app
from services.kit.web.guards import Guard, Route
from services.kit.web.reports import SHOWN_FINDINGS, finding_view
from services.kit.web.tokens.service import issue_service_token
from tests.app_client import Client
from tests.refusals import UNAUTHORIZED
from tests.violations import execute
from tests.waiting import until

FOUND = finding_view(Finding("events", "event-1", "event_link", "wrong", lambda: "made it right"))


class Checks:
    """Checks that run until `may_end` is set, and the number of checks that began."""

    def __init__(self, *lines: CheckLine):
        self.started = 0
        self.may_end = threading.Event()
        self._lines = lines

    def __call__(self) -> Iterable[CheckLine]:
        self.started += 1
        yield {"stage": "attempts", "of": 1_000}
        yield {"done": 400}
        yield from self._lines
        self.may_end.wait()


@contextmanager
def requesting(checks: Callable[[], Iterable[CheckLine]], wait_seconds: float) -> Iterator[Callable[[], Any]]:
    app = create_web_app([Route("/integrity", Integrity(checks, wait_seconds), Guard.OPEN)], [])
    with Client.of(app) as client:
        yield lambda: client.send("GET", "/integrity").document["item"]


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    """Check that the instants of the report are well formed and in order, and remove them."""
    started_at, finished_at = report.pop("startedAt"), report.pop("finishedAt")
    assert finished_at is None or parse_instant(started_at) <= parse_instant(finished_at)
    assert (finished_at is None) == (report["status"] == "running")
    return report


def test_a_long_check_is_running_and_its_report_is_sent_once() -> None:
    checks = Checks({"finding": FOUND})
    with requesting(checks, 0.01) as get_report:
        running = {
            "status": "running",
            "progress": {"stage": "attempts", "done": 400, "of": 1_000},
            "total": 1,
            "findings": [
                {"table": "events", "id": "event-1", "rule": "event_link", "message": "wrong", "repairable": True}
            ],
        }
        while (report := without_times(get_report()))["total"] == 0:
            assert report["status"] == "running"
        assert report == running
        assert without_times(get_report()) == running
        assert checks.started == 1

        checks.may_end.set()
        while (report := without_times(get_report()))["status"] == "running":
            pass
        assert report == {**running, "status": "findings", "progress": None}
        assert checks.started == 1
        get_report()
        until(lambda: checks.started == 2, "another check begins, in its thread")


def test_a_report_lists_some_findings_and_counts_all() -> None:
    lines: list[CheckLine] = [{"finding": FOUND}] * SHOWN_FINDINGS
    checks = Checks(*lines, {"more": 30, "done": 100}, {"more": 20})
    checks.may_end.set()
    with requesting(checks, 60) as get_report:
        report = get_report()
    assert (report["total"], len(report["findings"]), report["status"]) == (250, 200, "findings")


def test_a_failed_check_is_a_finding() -> None:
    def fail() -> Iterable[CheckLine]:
        for _ in range(SHOWN_FINDINGS):
            yield {"finding": FOUND}
        raise ValueError("unexpected")

    with requesting(fail, 60) as get_report:
        report = get_report()

    last = report["findings"][-1]
    assert (last["rule"], last["message"]) == ("not_checked", "broke off: unexpected")
    assert (report["total"], len(report["findings"])) == (SHOWN_FINDINGS + 1, SHOWN_FINDINGS)


@pytest.mark.parametrize("statement", [None, "DROP INDEX admins_username"])
def test_a_service_checks_its_database_for_a_service_token(
    database_url: str, statement: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_DATABASE_URL", database_url)
    database = open_database(database_url)
    MIGRATIONS.up(database)
    if statement is not None:
        execute(database, statement)
    database.close()
    settings = read_settings(os.environ)
    token = issue_service_token(settings.service_secret, "gateway", "auth", now())
    with Client.of(create_app(settings)) as client:
        refused = client.send("GET", "/internal/integrity")
        status, document = client.send("GET", "/internal/integrity", token)
        while document["item"]["status"] == "running":
            status, document = client.send("GET", "/internal/integrity", token)
    report = document["item"]
    found = [(each["table"], each["id"], each["rule"], each["repairable"]) for each in report["findings"]]
    assert refused == UNAUTHORIZED
    assert (status, report["status"]) == (200, "findings" if statement else "ok")
    assert found == ([("admins", "admins_username", "index_missing", True)] if statement else [])
