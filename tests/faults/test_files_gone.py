"""SQLite files that are deleted or replaced under a running service: no write into them is acknowledged."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from deploy import stack
from tests.contract.samples import event_body
from tests.deploy.copies import back_up, restore
from tests.faults.stack import fault_stack
from tests.installation import PROCESSES, SERVICES, Installation, installation
from tests.waiting import until

WRITES = 20


def delete(path: Path) -> None:
    """Move the path away: what is open goes on being written to."""
    path.rename(path.with_name("gone"))


def replace(path: Path) -> None:
    """Put a copy in the path's place."""
    copy = path.with_name("copy")
    shutil.copytree(path, copy) if path.is_dir() else shutil.copy(path, copy)
    delete(path)
    copy.rename(path)


@pytest.mark.full
@pytest.mark.parametrize("remove", [delete, replace])
@pytest.mark.parametrize("which", ["content.sqlite", "content.sqlite-wal", "."])
def test_a_write_into_files_that_are_gone_is_refused(
    tmp_path: Path, which: str, remove: Callable[[Path], None]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    files = {service: f"sqlite:///{folder / service}.sqlite" for service in SERVICES}
    with ExitStack() as resources:
        stack = resources.enter_context(fault_stack(tmp_path, None, files))
        stack.heal()
        admin = resources.enter_context(stack.admin())
        assert admin.post("/api/events", json=event_body()).status_code == 201

        remove((folder / which).resolve())

        responses = [admin.post("/api/events", json=event_body()) for _ in range(WRITES)]

    acknowledged = {response.json()["item"]["id"] for response in responses if response.status_code == 201}
    assert responses[0].status_code == 503
    assert {response.status_code for response in responses} <= {201, 503}
    assert acknowledged <= _stored_ids(folder / "content.sqlite")
    # A replaced file counts as a restored one; any other loss keeps the service closed.
    if remove is delete or which == "content.sqlite-wal":
        assert acknowledged == set()


@pytest.mark.full
def test_a_restore_opens_the_services_that_have_lost_their_logs(tmp_path: Path) -> None:
    with installation(tmp_path) as built, running(built) as admin:
        assert admin.post("/api/events", json=event_body()).status_code == 201
        backup, events = back_up(built, tmp_path / "backups"), admin.get("/api/events").json()
        assert admin.post("/api/events", json=event_body()).status_code == 201
        for service in SERVICES:
            (tmp_path / f"{service}.sqlite-wal").unlink()
        assert admin.post("/api/events", json=event_body()).status_code == 503

        # At once, while other processes and threads have not noticed it yet.
        restore(built, backup)

        until(lambda: _reopened(built) and stack.is_ready(built.address), "open services")
        assert admin.get("/api/events").json() == events
        response = admin.post("/api/events", json=event_body())
        assert response.json()["item"]["id"] in _stored_ids(tmp_path / "content.sqlite")


@contextmanager
def running(built: Installation) -> Iterator[httpx.Client]:
    """Run the installation, of which no process may end, and give an administrator's client."""
    built.prepare()
    built.start()
    workers = _workers(built)
    with built.admin() as admin:
        yield admin
    assert _workers(built) == workers


def _reopened(built: Installation) -> bool:
    """Return whether every process that was closed is open."""
    logs = [built.log_lines(name) for name in (*SERVICES, "follow-quiz")]
    closed = [log.count('"database_damaged"') for log in logs]
    return any(closed) and closed == [log.count('"database_sound_again"') for log in logs]


def _workers(built: Installation) -> list[int]:
    return [built.log_lines(name).count('"Booting worker') for name in PROCESSES]


def _stored_ids(file: Path) -> set[str]:
    if not file.exists():
        return set()
    with closing(sqlite3.connect(file)) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM events")}
