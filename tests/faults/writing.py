"""Writers for each service that work during faults, and the queries that find losses afterwards."""

import base64
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.kit.core.instants import parse_instant, to_milliseconds
from tests.clients import Clients, send_patiently
from tests.contract.samples import file_body, lesson_body, new_event, new_lesson, new_quiz, public_address, questions
from tests.figures import so_many
from tests.installation import ADMIN, Stack
from tests.waiting import until

Json = dict[str, Any]
# An acknowledged write: its kind, and the ids that must be found.
Acknowledged = tuple[str, tuple[str, ...]]
# Writes repeatedly, and yields after each round.
Writer = Callable[["Desk"], Iterator[None]]

REFUSALS = (503, 504, 507)
# A client pauses after a refusal.
PAUSE_SECONDS = 0.05
FIRST_TITLE, SECOND_TITLE = "Written once", "Written twice"
FILES = 3
# A sign-in counts as a failed one until it is done, and at most ten of an address are checked in 15 minutes: with this
# many addresses, kills in the middle of sign-ins lock none of them.
ADDRESSES = [f"203.0.113.{number}" for number in range(so_many(20, 200))]

# Where each kind of acknowledged write is stored.
KEPT = {
    "session": ("auth", "SELECT id FROM sessions"),
    "lesson": ("content", "SELECT id FROM lessons"),
    "title": ("content", f"SELECT id FROM lessons WHERE title = '{SECOND_TITLE}'"),
    "files": ("content", "SELECT id FROM materials"),
    "quiz": ("quiz", "SELECT id FROM quizzes"),
    "attempt": ("quiz", "SELECT quiz_id || ' ' || submitted_at FROM quiz_attempts"),
}
_WRITTEN = f"title IN ('{FIRST_TITLE}', '{SECOND_TITLE}')"
# Queries that must find nothing: changes without exactly one audit entry, and entries without a change.
AUDIT_MISMATCHES = (
    (
        "content",
        "SELECT 'entries of', action, subject_id FROM (SELECT kind || '.' || action AS action, "
        "COALESCE(material_id, lesson_id, event_id) AS subject_id, 1 AS number FROM changes UNION ALL "
        "SELECT action, subject_id, -1 FROM audit_log) AS told GROUP BY action, subject_id HAVING SUM(number) <> 0",
    ),
    (
        "quiz",
        "SELECT 'entries of', id FROM quizzes WHERE version <> "
        "(SELECT COUNT(*) FROM audit_log WHERE subject_id = quizzes.id)",
    ),
    (
        "quiz",
        "SELECT 'entries of', subject_id FROM (SELECT id AS subject_id, 1 AS number FROM quizzes UNION ALL "
        "SELECT subject_id, CASE action WHEN 'quiz.created' THEN -1 WHEN 'quiz.deleted' THEN 1 ELSE 0 END "
        "FROM audit_log) AS told GROUP BY subject_id HAVING SUM(number) <> 0",
    ),
)
HALF_UPLOADS = (
    "content",
    f"SELECT 'files of', lesson_id, COUNT(*) FROM materials WHERE lesson_id IN (SELECT id FROM lessons WHERE "
    f"{_WRITTEN}) GROUP BY lesson_id HAVING COUNT(*) <> {FILES}",
)
# Queries that must find nothing: rows without the rows of the same transaction.
HALVES = (
    *AUDIT_MISMATCHES,
    HALF_UPLOADS,
    (
        "content",
        f"SELECT 'changes of', id, version FROM lessons WHERE {_WRITTEN} AND version <> (SELECT COUNT(*) FROM changes "
        "WHERE kind = 'lesson' AND changes.lesson_id = lessons.id)",
    ),
    ("content", "SELECT 'change of', lesson_id FROM changes WHERE lesson_id NOT IN (SELECT id FROM lessons)"),
    (
        "quiz",
        f"SELECT 'options of', id FROM quizzes WHERE title = '{FIRST_TITLE}' AND 4 <> (SELECT COUNT(*) FROM "
        "quiz_options JOIN quiz_questions ON quiz_questions.id = question_id WHERE quiz_id = quizzes.id)",
    ),
    ("quiz", "SELECT 'attempt at', quiz_id FROM quiz_attempts WHERE quiz_id NOT IN (SELECT id FROM quizzes)"),
)


@dataclass
class Journal:
    """Acknowledged writes, and the number of refusals."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: Counter[tuple[str, int]] = field(default_factory=Counter)

    def await_more(self, number: int, *services: str) -> None:
        """Wait until each of these services has acknowledged this many more writes."""
        for service in services:
            aim = self._acknowledged_by(service) + number
            until(lambda: self._acknowledged_by(service) >= aim, f"{service} acknowledges {number} more")  # noqa: B023

    def await_refusals(self, number: int, *services: str) -> None:
        """Wait until each of these services has refused this many more writes."""
        for service in services:
            aim = self._refused_by(service) + number
            until(lambda: self._refused_by(service) >= aim, f"{service} refuses {number} more")  # noqa: B023

    def statuses(self) -> dict[int, int]:
        """Return the number of refusals by status."""
        counts: Counter[int] = Counter()
        for (_, status), number in tuple(self.refused.items()):
            counts[status] += number
        return dict(counts)

    def _acknowledged_by(self, service: str) -> int:
        return sum(KEPT[kind][0] == service for kind, _ in tuple(self.acknowledged))

    def _refused_by(self, service: str) -> int:
        return sum(number for (kind, _), number in tuple(self.refused.items()) if KEPT[kind][0] == service)


@dataclass
class Desk:
    """What a writer needs: a signed-in client, an event with a lesson and its quiz, and the journal."""

    client: httpx.Client
    event: Json
    lesson: Json
    journal: Journal

    def note(self, kind: str, *ids: str) -> None:
        """Record an acknowledged write."""
        self.journal.acknowledged.append((kind, ids))

    def send(self, kind: str, method: str, path: str, document: Json) -> Json | None:
        """Return the body of an acknowledged write; None after a refusal, which must have Retry-After."""
        response = self.client.request(method, path, json=document)
        if response.is_success:
            return dict(response.json())
        assert response.status_code in REFUSALS, response.text
        assert int(response.headers["Retry-After"]) >= 1
        assert set(response.json()) == {"error", "message", "requestId"}
        self.journal.refused[kind, response.status_code] += 1
        time.sleep(PAUSE_SECONDS)
        return None


@contextmanager
def writing(stack: Stack, *writers: Writer) -> Iterator[Journal]:
    """Run the writers until the block ends."""
    journal = Journal()
    if write_sessions in writers:
        _sign_in_everywhere(stack)
    with stack.admin() as admin:
        event, token = new_event(admin), admin.headers["Authorization"]
        lesson = new_lesson(admin, event)
        new_quiz(admin, lesson, title=FIRST_TITLE)

    def work(index: int) -> Iterator[None]:
        with stack.client(Authorization=token) as client:
            yield from writers[index](Desk(client, event, lesson, journal))

    with Clients(len(writers), work):
        yield journal


def write_content(desk: Desk) -> Iterator[None]:
    """Write a lesson, three files at once, and another title."""
    lessons = f"/api/events/{desk.event['id']}/lessons"
    upload = {"files": [file_body(fileName=f"{part}.pdf") for part in range(FILES)]}
    while True:
        yield
        made = desk.send("lesson", "POST", lessons, lesson_body(title=FIRST_TITLE, description="words " * 60))
        if made is None:
            continue
        desk.note("lesson", made["item"]["id"])
        lesson = f"{lessons}/{made['item']['id']}"
        if (files := desk.send("files", "POST", f"{lesson}/materials", upload)) is not None:
            desk.note("files", *(each["id"] for each in files["items"]))
        if desk.send("title", "PUT", lesson, {"title": SECOND_TITLE}) is not None:
            desk.note("title", made["item"]["id"])


def write_quizzes(desk: Desk) -> Iterator[None]:
    """Write two submissions, and a quiz of another lesson."""
    submit = public_address(desk.event, desk.lesson["slug"], "quiz/submit")
    while True:
        yield
        for _ in range(2):
            if (graded := desk.send("attempt", "POST", submit, {"answers": []})) is not None:
                desk.note("attempt", _attempt(graded["result"]))
        lesson = desk.send("lesson", "POST", f"/api/events/{desk.event['id']}/lessons", lesson_body())
        if lesson is None:
            continue
        place = {"eventId": desk.event["id"], "lessonId": lesson["item"]["id"]}
        quiz = {**place, "title": FIRST_TITLE, "questions": questions(2)}
        if (made := desk.send("quiz", "POST", "/api/quizzes", quiz)) is not None:
            desk.note("quiz", made["item"]["id"])


def write_sessions(desk: Desk) -> Iterator[None]:
    """Sign in repeatedly, each time from another address."""
    for address in itertools.cycle(ADDRESSES):
        yield
        desk.client.headers["X-Forwarded-For"] = address
        if (signed_in := desk.send("session", "POST", "/api/admin/login", dict(ADMIN))) is not None:
            desk.note("session", _session(signed_in["accessToken"]))


def _sign_in_everywhere(stack: Stack) -> None:
    # A known address may sign in even after many failures from others.
    for address in ADDRESSES:
        with stack.client(**{"X-Forwarded-For": address}) as client:
            response = send_patiently(lambda: client.post("/api/admin/login", json=ADMIN), 504)
            assert response.is_success, response.text


WRITERS: dict[str, Writer] = {"auth": write_sessions, "content": write_content, "quiz": write_quizzes}


def losses(stack: Stack, journal: Journal) -> list[Acknowledged]:
    """Return the acknowledged writes that are lost."""
    kinds = {kind for kind, _ in journal.acknowledged}
    kept = {kind: {id_ for (id_,) in stack.rows(*KEPT[kind])} for kind in kinds}
    return [(kind, ids) for kind, ids in journal.acknowledged if not kept[kind].issuperset(ids)]


def written_by_half(stack: Stack) -> list[tuple[Any, ...]]:
    """Return the rows that were written by half."""
    return [row for service, statement in HALVES for row in stack.rows(service, statement)]


def _attempt(result: Json) -> str:
    return f"{result['quizId']} {to_milliseconds(parse_instant(result['submittedAt']))}"


def _session(token: str) -> str:
    payload = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sid"])
