"""Drills under load: back up, lose the data and restore, while admins make lessons and quizzes.

Every write that was acknowledged before a backup began must be there after its restore. DRILLS is the number of drills
on each engine.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import httpx
import pytest

from deploy import commands
from services.kit.storage.database import delete_all_rows, is_postgresql, open_database
from tests.clients import Clients
from tests.deploy.copies import back_up, database_url, execute, restore, rows, tables
from tests.installation import SERVICES, Installation
from tests.waiting import until

DRILLS = int(os.environ.get("DRILLS", "10"))
WRITERS = 2
WRITES_BETWEEN = 6
# The pause after a lesson and its quiz, which leaves the drills their share of the machine.
PAUSE_SECONDS = 0.05
QUESTION = {"prompt": "?", "options": [{"text": "Yes", "isCorrect": True}, {"text": "No", "isCorrect": False}]}


class Writes:
    """The titles of the lessons and quizzes that were acknowledged, by id; each restore starts a new period."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._titles: dict[str, str] = {}
        self.period = 0

    def add(self, period: int, written: str, title: str) -> None:
        """Add a write unless it was sent before the last restore."""
        with self._lock:
            if period == self.period:
                self._titles[written] = title

    def acknowledged(self) -> dict[str, str]:
        """Return a copy."""
        with self._lock:
            return dict(self._titles)

    def start_again(self, titles: dict[str, str]) -> None:
        """Start a new period with the writes that the restored backup must hold."""
        with self._lock:
            self.period += 1
            self._titles = dict(titles)

    def wait_for_more(self) -> None:
        """Wait until further writes are acknowledged."""
        enough = len(self.acknowledged()) + WRITES_BETWEEN
        until(lambda: len(self.acknowledged()) >= enough, "further writes are acknowledged")


@contextmanager
def writing(built: Installation, writes: Writes, event_id: str, token: str) -> Iterator[None]:
    """Make lessons with quizzes in threads; requests may fail while data is lost."""

    def send(client: httpx.Client, path: str, document: Mapping[str, object]) -> str | None:
        period = writes.period
        with suppress(httpx.HTTPError):
            response = client.post(path, json=document)
            if response.status_code == 201:
                written: str = response.json()["item"]["id"]
                writes.add(period, written, str(document["title"]))
                return written
        return None

    def write(number: int) -> Iterator[None]:
        with built.client(Authorization=token) as client:
            for turn in count():
                title, slug = f"lesson {number} {turn}", f"lesson-{number}-{turn}"
                lesson = {"title": title, "slug": slug, "releaseAt": "2026-01-01T00:00:00Z"}
                lesson_id = send(client, f"/api/events/{event_id}/lessons", lesson)
                if lesson_id is not None:
                    quiz = {"eventId": event_id, "lessonId": lesson_id, "title": title, "questions": [QUESTION]}
                    send(client, "/api/quizzes", quiz)
                time.sleep(PAUSE_SECONDS)
                yield

    with Clients(WRITERS, write):
        yield


def delete_rows(built: Installation) -> None:
    """Empty every table while the stack serves."""
    for service in SERVICES:
        database = open_database(database_url(built, service))
        delete_all_rows(database, commands.SERVICES[service].migrations.tables)
        database.close()


def damage_rows(built: Installation) -> None:
    """Run wrong statements while the stack serves."""
    lost = ("UPDATE lessons SET title = 'lost'", "DELETE FROM lessons WHERE slug > 'lesson-1'")
    execute(database_url(built, "content"), *lost)
    execute(database_url(built, "quiz"), "UPDATE quizzes SET title = 'lost', pass_percentage = 0")
    execute(database_url(built, "auth"), "UPDATE admins SET password_hash = 'lost'")


def drop_tables(built: Installation) -> None:
    """Drop tables while the stack serves."""
    execute(
        database_url(built, "content"), "DROP TABLE materials", "DROP TABLE former_lesson_slugs", "DROP TABLE lessons"
    )
    execute(database_url(built, "quiz"), "DROP TABLE quiz_options", "DROP TABLE quiz_questions")


def lose_disk(built: Installation) -> None:
    """Kill the stack and remove its databases."""
    built.kill()
    for service in SERVICES:
        url = database_url(built, service)
        if is_postgresql(open_database(url)):
            execute(url, *(f"DROP TABLE {table} CASCADE" for table in tables(url)))
        else:
            file = Path(url.removeprefix("sqlite:///"))
            for each in file.parent.glob(f"{file.name}*"):
                each.unlink()


# The last needs a start of the whole stack, so it comes less often.
LOSSES: tuple[Callable[[Installation], None], ...] = (*(delete_rows, damage_rows, drop_tables) * 3, lose_disk)


def stored(built: Installation) -> dict[str, str]:
    """Return the titles of all lessons and quizzes by id."""
    lessons = rows(database_url(built, "content"), "SELECT id, title FROM lessons")
    return dict(lessons) | dict(rows(database_url(built, "quiz"), "SELECT id, title FROM quizzes"))


@pytest.mark.full
def test_no_acknowledged_write_is_lost_in_any_drill(built: Installation, tmp_path: Path) -> None:
    built.start()
    with built.admin() as admin:
        token = admin.headers["Authorization"]
        event = admin.post("/api/events", json={"title": "Drills", "slug": "drills"}).json()["item"]
    writes = Writes()
    with writing(built, writes, event["id"], token):
        for drill in range(DRILLS):
            writes.wait_for_more()
            acknowledged = writes.acknowledged()
            file = back_up(built, tmp_path / "backups")
            lose = LOSSES[drill % len(LOSSES)]
            lose(built)
            restore(built, file)
            built.start()
            writes.start_again(acknowledged)

            found = stored(built)
            assert {key: found.get(key) for key in acknowledged} == acknowledged
            if lose is lose_disk:
                # Otherwise a quiz may be made after the restore whose lesson was found before it.
                lessons = {key for (key,) in rows(database_url(built, "content"), "SELECT id FROM lessons")}
                of_quizzes = {key for (key,) in rows(database_url(built, "quiz"), "SELECT lesson_id FROM quizzes")}
                assert of_quizzes <= lessons
            with built.admin():
                pass
        writes.wait_for_more()
