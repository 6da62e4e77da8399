"""GET /internal/integrity: a check of the database while it serves, in a process of its own at the lowest priority."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypedDict

import falcon.asgi

from services.kit.core.background import BackgroundCommand
from services.kit.core.findings import NOT_CHECKED, WHOLE_TABLE, Finding
from services.kit.core.instants import format_instant, now
from services.kit.core.logging import safe_message
from services.kit.web.documents import write_json
from services.kit.web.guards import Guard, Route
from services.kit.web.reports import SHOWN_FINDINGS, FindingView, ReportView, finding_view

INTEGRITY = "/internal/integrity"
WAIT_SECONDS = 3.0


class CheckLine(TypedDict, total=False):
    """A line of a check: the begin of a stage of `of` rows, rows that are `done`, or what was found.

    `more` counts findings that are not shown.
    """

    stage: str
    of: int
    done: int
    finding: FindingView
    more: int


Check = Callable[[], Iterable[CheckLine]]


class RunningCheck:
    """A check from its start: its progress and its findings, which a thread reads."""

    def __init__(self, check: Check):
        self.finished = threading.Event()
        self._check = check
        self._started_at = now()
        self._finished_at: datetime | None = None
        self._stage, self._done, self._total_rows = "", 0, 0
        self._found = 0
        self._shown: list[FindingView] = []
        threading.Thread(target=self._run_check, name="integrity", daemon=True).start()

    def report(self) -> ReportView:
        """Return the state of the check now."""
        running = not self.finished.is_set()
        return {
            "status": "running" if running else "findings" if self._found else "ok",
            "startedAt": format_instant(self._started_at),
            "finishedAt": None if self._finished_at is None else format_instant(self._finished_at),
            "progress": {"stage": self._stage, "done": self._done, "of": self._total_rows} if running else None,
            "total": self._found,
            "findings": [*self._shown],
        }

    def _run_check(self) -> None:
        try:
            for line in self._check():
                self._take(line)
        except Exception as error:
            # Report any error as a finding, so that an unfinished check does not look like a success.
            reason = " ".join(safe_message(error).split())
            self._take({"finding": finding_view(Finding("database", WHOLE_TABLE, NOT_CHECKED, f"broke off: {reason}"))})
        self._finished_at = now()
        self.finished.set()

    def _take(self, line: CheckLine) -> None:
        if "stage" in line:
            self._stage, self._done, self._total_rows = line["stage"], 0, line["of"]
        self._done += line.get("done", 0)
        self._found += line.get("more", 0)
        if "finding" in line:
            self._found += 1
            # The last one says why a check broke off.
            self._shown[SHOWN_FINDINGS - 1 :] = [line["finding"]]


class Integrity:
    """GET /internal/integrity: one check at a time in this process."""

    def __init__(self, check: Check, wait_seconds: float = WAIT_SECONDS):
        self._check = check
        self._wait_seconds = wait_seconds
        self._running: RunningCheck | None = None

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Start a check unless one is running, wait up to `wait_seconds` for its end, and respond with its report.

        A finished report is sent once; the next request starts another check.
        """
        check = self._running = self._running or RunningCheck(self._check)
        await asyncio.to_thread(check.finished.wait, self._wait_seconds)
        report = check.report()
        if report["status"] != "running" and self._running is check:
            self._running = None
        write_json(response, {"item": report})


def integrity_route(check: BackgroundCommand) -> Route:
    """Return the row of a service's routes table for its check."""
    return Route(INTEGRITY, Integrity(check.lines), Guard.SERVICE)
