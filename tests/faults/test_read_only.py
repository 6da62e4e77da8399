"""Databases that take no writes, as after a failover to a standby: reads are answered, writes refused with a reason."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.kit.core.errors import ReadOnly
from services.kit.storage.database import open_database
from tests.contract.samples import (
    ACCESS_KEY,
    catalog_address,
    chosen,
    event_body,
    lesson_address,
    lesson_body,
    materials_address,
    new_lesson,
    new_quiz,
    parsed,
    private_event,
    public_address,
)
from tests.faults.stack import FaultStack, fault_stack
from tests.installation import ADMIN, SERVICES
from tests.postgresql import Server
from tests.processes import is_running
from tests.refusals import refusal
from tests.waiting import until

ALTER = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I {}', current_database()); END $$"
# Milliseconds in which a session must have ended.
END_SESSIONS = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid != %s"
)
KEY = {"eventAccessKey": ACCESS_KEY}

Request = tuple[str, str, Any]


@contextmanager
def read_only_databases(stack: FaultStack) -> Iterator[None]:
    """Let the databases take no writes in this block; its begin and its end break all connections, as failovers do."""

    def alter(change: str) -> None:
        for service in SERVICES:
            with closing(open_database(stack.database_url(service))) as database:
                database.execute_sql("SET default_transaction_read_only = off")
                database.execute_sql(ALTER.format(change))
                [own] = database.execute_sql("SELECT pg_backend_pid()").fetchone()
                database.execute_sql(END_SESSIONS, (own,))

    alter("SET default_transaction_read_only = on")
    try:
        yield
    finally:
        alter("RESET default_transaction_read_only")


def readiness(stack: FaultStack) -> tuple[int, str]:
    """Return the status of the gateway's readiness and its message, none when it is ready."""
    with stack.client() as client:
        response = client.get("/health/ready")
    return response.status_code, response.json().get("message", "")


def kill_worker(master: int) -> None:
    """Kill the only worker of this gunicorn, which starts another."""
    [worker] = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    os.kill(int(worker), signal.SIGKILL)
    # It is there for a moment after it was killed.
    until(lambda: not is_running(int(worker)), "the end of the worker")


@pytest.mark.full
def test_read_only_databases_answer_reads_and_refuse_writes(tmp_path: Path, postgresql_server: Server) -> None:
    with fault_stack(tmp_path, postgresql_server) as stack:
        stack.heal()
        with stack.admin() as admin:
            event = private_event(admin)
            lesson = new_lesson(admin, event)
            quiz = new_quiz(admin, lesson)
            reads: list[Request] = [
                ("GET", "/api/events", None),
                ("GET", f"/api/events/{event['id']}", None),
                ("GET", lesson_address(lesson), None),
                ("GET", materials_address(lesson), None),
                ("GET", f"/api/quizzes/{quiz['id']}", None),
                ("GET", "/api/admin/me", None),
                ("GET", "/api/admin/users", None),
                ("GET", "/api/admin/audit", None),
                ("POST", f"/api/events/{event['slug']}/access", KEY),
                ("POST", catalog_address(event), KEY),
                ("POST", public_address(event, lesson["slug"], "playback"), KEY),
                ("POST", public_address(event, lesson["slug"], "quiz"), KEY),
            ]
            submit = {**KEY, "answers": chosen(quiz, True, True)}
            writes: list[Request] = [
                ("POST", "/api/events", event_body()),
                ("POST", f"/api/events/{event['id']}/lessons", lesson_body()),
                ("PUT", lesson_address(lesson), {"title": "Other"}),
                ("DELETE", f"/api/quizzes/{quiz['id']}", None),
                ("POST", public_address(event, lesson["slug"], "quiz/submit"), submit),
                ("POST", "/api/admin/login", ADMIN),
                ("POST", "/api/admin/logout", None),
                ("DELETE", f"/api/events/{event['id']}", None),
            ]

            def send(request: Request) -> httpx.Response:
                method, path, body = request
                return admin.request(method, path, json=body)

            def statuses(requests: list[Request]) -> list[tuple[str, int]]:
                return [(request[1], send(request).status_code) for request in requests]

            answered = [(path, 200) for _, path, _ in reads]
            assert statuses(reads) == answered
            refused = refusal(503, "UPSTREAM_UNAVAILABLE", ReadOnly.message)
            not_ready = (503, "Not ready: content (read-only), quiz (read-only), auth (read-only)")
            with read_only_databases(stack):
                until(lambda: readiness(stack) == not_ready, "every service says that it is read-only")
                assert statuses(reads) == answered
                assert [(path, parsed(send((method, path, body)))) for method, path, body in writes] == [
                    (path, refused) for _, path, _ in writes
                ]
                # A process that starts now does the same.
                for service in SERVICES:
                    kill_worker(stack.process_ids()[service])
                until(lambda: readiness(stack) == not_ready, "the new workers say that they are read-only")
                assert statuses(reads) == answered
                assert parsed(send(writes[0])) == refused
            until(lambda: readiness(stack) == (200, ""), "every service is ready again")
            assert send(writes[0]).status_code == 201
