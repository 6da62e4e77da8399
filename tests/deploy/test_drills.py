"""Twenty drills under writes, half of them on each engine: back up, lose the data, restore, and go on.

While everything goes on, admins make lessons and quizzes. What was acknowledged before a backup began must be there
after its restore, as it was answered. DRILLS is the number on each engine.
"""

import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy import stack
from services.kit.storage.database import delete_all_rows, is_postgresql, open_database
from tests.deploy.copies import backed_up, database_url, execute, restored, rows, tables
from tests.installation import SERVICES, Installation

DRILLS = int(os.environ.get("DRILLS", "10"))
WRITERS = 2
WRITES_BETWEEN = 6
PATIENCE_SECONDS = 120
# Each takes a breath after a lesson and its quiz, so that the drills have a part of the machine, too.
BREATH_SECONDS = 0.05

Acknowledged = dict[str, tuple[str, str]]


class Writers:
    """Threads that make a lesson and a quiz for it, over and over; errors are what a disaster brings about."""

    def __init__(self, built: Installation, event_id: str, token: str):
        self._built = built
        self._event_id = event_id
        self._token = token
        self._changed = threading.Condition()
        self._acknowledged: Acknowledged = {}
        self._life = 0
        self._stopped = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """They write while the block lasts."""
        threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def acknowledged(self) -> Acknowledged:
        """What has been acknowledged in this life, by id: kind and title."""
        with self._changed:
            return dict(self._acknowledged)

    def begin_anew(self, acknowledged: Acknowledged) -> None:
        """A new life after a restore; what was sent in the life before counts no more, whatever is answered."""
        with self._changed:
            self._life += 1
            self._acknowledged = dict(acknowledged)

    def await_more(self, number: int) -> None:
        """Wait until so many more were acknowledged."""
        with self._changed:
            aim = len(self._acknowledged) + number
            enough = self._changed.wait_for(lambda: len(self._acknowledged) >= aim, PATIENCE_SECONDS)
        assert enough, f"no {number} more writes were acknowledged"

    def _write(self, number: int) -> None:
        with self._built.client(Authorization=self._token) as client:
            for turn in count():
                if self._stopped.is_set():
                    return
                title = f"lesson {number} {turn}"
                new = {"title": title, "slug": f"lesson-{number}-{turn}", "releaseAt": "2026-01-01T00:00:00Z"}
                lesson = self._send(client, "lesson", title, f"/api/events/{self._event_id}/lessons", new)
                if lesson is not None:
                    self._send(client, "quiz", title, "/api/quizzes", self._quiz(lesson, title))
                    self._stopped.wait(BREATH_SECONDS)

    def _quiz(self, lesson: str, title: str) -> dict[str, Any]:
        options = [{"text": "Yes", "isCorrect": True}, {"text": "No", "isCorrect": False}]
        questions = [{"prompt": "Is it there?", "options": options}]
        return {"eventId": self._event_id, "lessonId": lesson, "title": title, "questions": questions}

    def _send(self, client: httpx.Client, kind: str, title: str, path: str, document: dict[str, Any]) -> str | None:
        life = self._life
        try:
            answer = client.post(path, json=document)
        except httpx.HTTPError:
            answer = httpx.Response(503)
        if answer.status_code != 201:
            # Nobody hammers a stack in ruins.
            self._stopped.wait(BREATH_SECONDS)
            return None
        written: str = answer.json()["item"]["id"]
        with self._changed:
            if life == self._life:
                self._acknowledged[written] = (kind, title)
                self._changed.notify_all()
        return written


def rows_deleted(built: Installation) -> None:
    """Someone has emptied every table, while the stack serves."""
    for service in SERVICES:
        database = open_database(database_url(built, service))
        delete_all_rows(database, stack.SERVICES[service].migrations.tables)
        database.close()


def rows_garbled(built: Installation) -> None:
    """A wrong statement has spoilt half of the rows, while the stack serves."""
    execute(
        database_url(built, "content"),
        "UPDATE lessons SET title = 'lost'",
        "DELETE FROM lessons WHERE slug > 'lesson-1'",
    )
    execute(database_url(built, "quiz"), "UPDATE quizzes SET title = 'lost', pass_percentage = 0")
    execute(database_url(built, "auth"), "UPDATE admins SET password_hash = 'lost'")


def tables_dropped(built: Installation) -> None:
    """Someone has dropped tables, while the stack serves."""
    for service, gone in {"content": ("materials", "lessons"), "quiz": ("quiz_options", "quiz_questions")}.items():
        execute(database_url(built, service), *(f"DROP TABLE {table}" for table in gone))


def disk_lost(built: Installation) -> None:
    """The power is cut and the disk is gone."""
    built.kill()
    for service in SERVICES:
        url = database_url(built, service)
        if is_postgresql(open_database(url)):
            execute(url, *(f"DROP TABLE {table} CASCADE" for table in tables(url)))
        else:
            file = Path(url.removeprefix("sqlite:///"))
            for each in file.parent.glob(f"{file.name}*"):
                each.unlink()


# The last takes a start of the whole stack, so it has its turn less often.
DISASTERS: tuple[Callable[[Installation], None], ...] = (
    *(rows_deleted, rows_garbled, tables_dropped) * 3,
    disk_lost,
)


def stored(built: Installation) -> Acknowledged:
    """Every lesson and quiz in the databases, as the writers keep them."""
    lessons = rows(database_url(built, "content"), "SELECT id, title FROM lessons")
    quizzes = rows(database_url(built, "quiz"), "SELECT id, title FROM quizzes")
    return {key: ("lesson", title) for key, title in lessons} | {key: ("quiz", title) for key, title in quizzes}


def orphans(built: Installation) -> set[str]:
    """The lessons of quizzes that are not there."""
    of_quizzes = {row[0] for row in rows(database_url(built, "quiz"), "SELECT lesson_id FROM quizzes")}
    return of_quizzes - {row[0] for row in rows(database_url(built, "content"), "SELECT id FROM lessons")}


def test_nothing_acknowledged_before_a_backup_is_lost_in_any_drill(
    built: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "backups"
    built.start()
    with built.admin() as admin:
        token = admin.headers["Authorization"]
        event = admin.post("/api/events", json={"title": "Drills", "slug": "drills"}).json()["item"]
    writers = Writers(built, event["id"], token)
    backups, restores, writes = [], [], 0

    with writers.at_work():
        for drill in range(DRILLS):
            writers.await_more(WRITES_BETWEEN)
            acknowledged, started_at = writers.acknowledged(), time.monotonic()
            file = backed_up(built, folder)
            backups.append(time.monotonic() - started_at)

            disaster = DISASTERS[drill % len(DISASTERS)]
            disaster(built)
            started_at = time.monotonic()
            restored(built, file)
            restores.append(time.monotonic() - started_at)
            built.start()
            writers.begin_anew(acknowledged)

            found = stored(built)
            assert {key: found.get(key) for key in acknowledged} == acknowledged
            if disaster is disk_lost:
                # Else a quiz may come after the restore whose lesson was found before it.
                assert orphans(built) == set()
            with built.admin():
                pass
            writes = len(acknowledged)

        writers.await_more(WRITES_BETWEEN)
    with capsys.disabled():
        medians = f"backup {statistics.median(backups):.2f} s, restore {statistics.median(restores):.2f} s"
        sys.stdout.write(f"\n{DRILLS} drills, {writes} acknowledged writes kept, none lost; medians: {medians}\n")
