"""GET /internal/integrity: a check of the database while it serves, in a thread and over a connection of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import falcon.asgi

from services.kit.core.findings import NOT_CHECKED, WHOLE_TABLE, Finding, Progress
from services.kit.core.instants import format_instant, now
from services.kit.core.logging import safe_message
from services.kit.web.documents import write_json
from services.kit.web.guards import Guard, Route

INTEGRITY = "/internal/integrity"
WAIT_SECONDS = 3.0
# What one answer names; the command `check` names everything.
SHOWN_FINDINGS = 200

Check = Callable[[Progress], Iterable[Finding]]


class Run:
    """One check, from its start on: how far it is and what it has found. It is the Progress that the check tells."""

    def __init__(self, check: Check):
        self.finished = threading.Event()
        self._check = check
        self._started_at = now()
        self._finished_at: datetime | None = None
        self._stage, self._done, self._of = "", 0, 0
        self._total = 0
        self._shown: list[Finding] = []
        threading.Thread(target=self._examine, name="integrity", daemon=True).start()

    def begin(self, stage: str, total: int) -> None:
        """As Progress."""
        self._stage, self._done, self._of = stage, 0, total

    def advance(self, rows: int) -> None:
        """As Progress."""
        self._done += rows

    def document(self) -> dict[str, Any]:
        """As the resource below describes it."""
        running = not self.finished.is_set()
        return {
            "status": "running" if running else "findings" if self._total else "ok",
            "startedAt": format_instant(self._started_at),
            "finishedAt": None if self._finished_at is None else format_instant(self._finished_at),
            "progress": {"stage": self._stage, "done": self._done, "of": self._of} if running else None,
            "total": self._total,
            "findings": [_finding_view(finding) for finding in self._shown],
        }

    def _examine(self) -> None:
        try:
            for finding in self._check(self):
                self._keep(finding)
        except Exception as error:
            # Whatever it is, the admin who asked must hear that the check did not come to its end.
            reason = " ".join(safe_message(error).split())
            self._keep(Finding("database", WHOLE_TABLE, NOT_CHECKED, f"broke off: {reason}"))
        self._finished_at = now()
        self.finished.set()

    def _keep(self, finding: Finding) -> None:
        self._total += 1
        if len(self._shown) < SHOWN_FINDINGS:
            self._shown.append(finding)


class Integrity:
    """GET /internal/integrity: one check at a time in this process."""

    def __init__(self, check: Check, wait_seconds: float = WAIT_SECONDS):
        self._check = check
        self._wait_seconds = wait_seconds
        self._run: Run | None = None

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Begin a check, or find the one that goes on; wait a little for its end and answer.

        ``{"item": {"status": "ok" | "findings" | "running", "startedAt": instant, "finishedAt": instant | null,
        "progress": {"stage": text, "done": rows, "of": rows or 0} | null, "total": how many findings,
        "findings": [{"table", "id", "rule", "message", "repairable"}, ... at most 200]}}``

        `progress` is there while it runs. A report is given out once; whoever asks after that begins another check.
        """
        run = self._run = self._run or Run(self._check)
        await asyncio.to_thread(run.finished.wait, self._wait_seconds)
        document = run.document()
        if document["status"] != "running" and self._run is run:
            self._run = None
        write_json(response, {"item": document})


def integrity_route(check: Check) -> Route:
    """Return the row of a service's routes table for its check."""
    return Route(INTEGRITY, Integrity(check), Guard.SERVICE)


def _finding_view(finding: Finding) -> dict[str, Any]:
    return {
        "table": finding.table,
        "id": finding.id,
        "rule": finding.rule,
        "message": finding.message,
        "repairable": finding.repair is not None,
    }
