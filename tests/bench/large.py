"""A large installation beside a small one: learners' paths, pages of lists, and learners while whole lists are read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from services.kit.storage.database import open_database
from tests.bench import servers
from tests.bench.beside import Growth, catalog_beside
from tests.bench.generator import Run, measure
from tests.bench.measuring import WARM_UP_SECONDS
from tests.bench.requests import get, post
from tests.bench.scene import QUESTIONS, Json, Scene, new_scene
from tests.bench.targets import Check
from tests.contract.samples import attached, chosen, new_event, new_lesson, new_quiz, public_address
from tests.installation import Installation

SMALL_EVENTS, LARGE_EVENTS = 100, 1_000
LESSONS_OF_EVENT, QUIZZES_OF_EVENT, ATTEMPTS_OF_QUIZ = 30, 10, 10
PAGE = 50
SLOWER = 1.2
# Every id is a UUID of version 7.
ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")
# The tables that hold the template, in the order of their foreign keys.
TABLES: Mapping[str, Sequence[str]] = {
    "content": ("events", "lessons", "materials"),
    "quiz": ("quiz_revisions", "quizzes", "quiz_questions", "quiz_options", "quiz_attempts"),
}
CHUNK = 20


@dataclass(frozen=True)
class Place:
    """An installation, and the records in it that are asked about."""

    stack: Installation
    scene: Scene
    quiz: Json
    event: Json
    admin: str


def measure_growth(folder: Path, workers: int, rounds: int, seconds: int) -> list[Growth]:
    """Measure both installations in turn, then learners of the large one while whole lists are read."""
    with ExitStack() as opened:
        small = opened.enter_context(_place(folder / "small", workers, SMALL_EVENTS))
        large = opened.enter_context(_place(folder / "large", workers, LARGE_EVENTS))
        return [*_grown(small, large, rounds, seconds), *_stalled(large, rounds, seconds)]


def _grown(small: Place, large: Place, rounds: int, seconds: int) -> Iterator[Growth]:
    small_requests, large_requests = _requests(small), _requests(large)
    for name in small_requests:
        runs: dict[str, list[Run]] = {"small": [], "large": []}
        for number in range(rounds + 1):
            for size, place, requests in (("small", small, small_requests), ("large", large, large_requests)):
                run = measure(place.stack.address, [requests[name]], seconds if number else WARM_UP_SECONDS)
                # The first round warms up.
                runs[size] += [run] if number else []
        before, after = (median(run.rate for run in runs[size]) for size in ("small", "large"))
        both = [run for of_size in runs.values() for run in of_size]
        refused = sum(run.refused + run.broken for run in both)
        failures = f" (**{refused} refused or broken**)" if refused else ""
        times = before / max(after, 0.01)
        yield Growth(
            f"{before:,.0f}/s",
            f"{after:,.0f}/s",
            Check("a large installation", name + failures, "{} times slower", times, SLOWER, at_most=True),
            [run.foreign for run in both],
        )


def _stalled(place: Place, rounds: int, seconds: int) -> Iterator[Growth]:
    for address in ("/api/quizzes", "/api/events", f"/api/quizzes/{place.quiz['id']}/attempts"):
        yield catalog_beside(
            place.stack,
            post(place.scene.catalog, {}),
            f"`{address.replace(place.quiz['id'], '{quizId}')}` is read whole",
            partial(httpx.Client.get, url=address),
            rounds,
            seconds,
            Authorization=place.admin,
        )


def _requests(place: Place) -> dict[str, bytes]:
    scene, admin = place.scene, place.admin
    event, quiz = place.event["id"], place.quiz["id"]

    def page(address: str) -> bytes:
        return get(f"{address}?limit={PAGE}", Authorization=admin)

    return {
        "catalog": post(scene.catalog, {}),
        **{name: post(scene.lesson(name), {}) for name in ("access-check", "playback", "materials", "quiz")},
        "submit": post(scene.lesson("quiz/submit"), {"answers": scene.answers}),
        "page of events": page("/api/events"),
        "page of public events": get(f"/api/public/events?limit={PAGE}"),
        "page of an event's lessons": page(f"/api/events/{event}/lessons"),
        "page of quizzes": page("/api/quizzes"),
        "page of a quiz's attempts": page(f"/api/quizzes/{quiz}/attempts"),
        "one event": get(f"/api/events/{event}", Authorization=admin),
        "one quiz": get(f"/api/quizzes/{quiz}", Authorization=admin),
    }


@contextmanager
def _place(folder: Path, workers: int, events: int) -> Iterator[Place]:
    """A stack with so many copies of one event."""
    with servers.product(folder, "sqlite", workers) as stack:
        with stack.admin() as admin:
            scene = new_scene(admin, "the-launch")
            event, quiz = _new_template(admin)
            authorization = admin.headers["Authorization"]
        for service, tables in TABLES.items():
            _copy(stack.environment[f"{service.upper()}_DATABASE_URL"], tables, event["id"], events - 1)
        yield Place(stack, scene, quiz, event, authorization)


def _new_template(admin: httpx.Client) -> tuple[Json, Json]:
    """Create the event that is copied; return it and its first quiz."""
    event = new_event(admin, slug="template", isActive=True)
    lessons = [new_lesson(admin, event, slug=f"lesson-{place}") for place in range(LESSONS_OF_EVENT)]
    for lesson in lessons:
        attached(admin, lesson)
    quizzes = [new_quiz(admin, lesson, questions=QUESTIONS) for lesson in lessons[:QUIZZES_OF_EVENT]]
    for lesson, quiz in zip(lessons, quizzes, strict=False):
        answers = {"answers": chosen(quiz, True, True, True, False, False)}
        for _ in range(ATTEMPTS_OF_QUIZ):
            admin.post(public_address(event, lesson["slug"], "quiz/submit"), json=answers).raise_for_status()
    return event, quizzes[0]


def _copy(url: str, tables: Sequence[str], event_id: str, copies: int) -> None:
    """Copy the rows of the event in these tables of a SQLite file, with new ids and slugs."""
    with closing(open_database(url)) as database:
        connection = database.connection()
        templates: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {}
        found = {event_id}
        # Twice, since a revision names only its quiz, which comes after it.
        for table in (*tables, *tables):
            cursor = connection.execute(f"SELECT * FROM {table}")
            rows = [row for row in cursor.fetchall() if found & set(ID.findall(" ".join(map(str, row))))]
            templates[table] = [column[0] for column in cursor.description], rows
            found.update(row[0] for row in rows)
        for first in range(0, copies, CHUNK):
            with database.atomic():
                for table, (columns, rows) in templates.items():
                    places = ", ".join("?" * len(columns))
                    connection.executemany(
                        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",
                        [
                            [_copied(name, value, number) for name, value in zip(columns, row, strict=True)]
                            for number in range(first + 1, min(first + CHUNK, copies) + 1)
                            for row in rows
                        ],
                    )


def _copied(column: str, value: Any, number: int) -> Any:
    """Return the value for the copy of this number."""
    if value == "template" and column.startswith("slug"):
        return f"{value}-{number}"
    if isinstance(value, str):
        # The first eight digits are of the time in which the id was made.
        return ID.sub(lambda found: f"{int(found[0][:8], 16) + number:08x}{found[0][8:]}", value)
    return value
