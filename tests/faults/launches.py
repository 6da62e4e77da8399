"""Admins and learners at work during faults. Every name is new; the ledger checks every response."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx

from services.kit.core.instants import format_instant, now
from tests.contract.samples import ACCESS_KEY, event_body, file_body, lesson_body, questions, unique
from tests.faults.ledger import ATTEMPTS, Ledger, Lesson, Request, state_of
from tests.faults.model import ABSENT, QUIZ, Path
from tests.faults.stack import FaultStack
from tests.faults.writing import AUDIT_MISMATCHES
from tests.waiting import until

Json = dict[str, Any]

FILES = 3
RIGHT_OPTIONS = ("isCorrect", "correctOptionId")
ORPHAN_SECONDS = 60


class Launches:
    """Events with lessons, files and quizzes, and their learners."""

    def __init__(self, stack: FaultStack):
        self.stack = stack
        self.ledger = Ledger()
        self._model = self.ledger.model
        self._admin = stack.admin()
        self._learner = stack.client()
        self._keys: dict[str, str | None] = {}

    def close(self) -> None:
        """Close the clients."""
        self._admin.close()
        self._learner.close()

    def known(self, length: int) -> list[Path]:
        """Return the events (1), lessons (2) or quizzes (3) that can exist and whose ids are known."""
        return [path for path in self.ledger.ids if len(path) == length and self._model.can_be_there(path)]

    # Admins

    def create_event(self, *, private: bool, keyed: bool) -> None:
        """Create a public event, or a private one with ACCESS_KEY."""
        slug, title = unique("event"), unique("title")
        self._keys[slug] = ACCESS_KEY if private else None
        access = {"visibility": "private", "accessKey": ACCESS_KEY} if private else {}
        self._create((slug,), title, "/api/events", event_body(slug=slug, title=title, **access), keyed)

    def update_event(self, event: Path) -> None:
        """Change the title."""
        title = unique("title")
        self._write(Request(event, title, "PUT", self._event(event), {"title": title}))

    def create_lesson(self, event: Path, opens_in: float, open_for: float | None, *, keyed: bool) -> None:
        """Create a lesson whose window begins this many seconds from now."""
        slug, lesson = unique("lesson"), _lesson(opens_in, open_for)
        # A new lesson may not contain null.
        body = {name: value for name, value in lesson_body(slug=slug, **_fields(lesson)).items() if value is not None}
        self._create((*event, slug), lesson, f"{self._event(event)}/lessons", body, keyed)

    def update_lesson(self, lesson: Path, opens_in: float, open_for: float | None) -> None:
        """Change the title and the window."""
        changed = _lesson(opens_in, open_for)
        self._write(Request(lesson, changed, "PUT", self._lesson(lesson), _fields(changed)))

    def attach(self, lesson: Path, *, keyed: bool) -> None:
        """Attach three files at once."""
        name = unique("files")
        files = [file_body(fileName=f"{name}.{number}.pdf") for number in range(FILES)]
        self._create((*lesson, name), FILES, f"{self._lesson(lesson)}/materials", {"files": files}, keyed)

    def create_quiz(self, lesson: Path, *, keyed: bool) -> None:
        """Create a quiz of two questions."""
        self._write(self._new_quiz(lesson, keyed))

    def update_quiz(self, quiz: Path) -> None:
        """Change the title and the questions."""
        title = unique("quiz")
        body = {"title": title, "questions": questions(2)}
        self._write(Request(quiz, title, "PUT", self._quiz(quiz), body))

    def delete(self, path: Path) -> None:
        """Delete an event, a lesson or a quiz."""
        self._write(self._deletion(path))

    def delete_while_a_quiz_is_made(self, lesson: Path) -> None:
        """Delete a lesson while its quiz is created: whichever comes first, no quiz remains."""
        both = [self._deletion(lesson), self._new_quiz(lesson, keyed=False)]
        with ThreadPoolExecutor(len(both)) as pool:
            responses = list(pool.map(lambda request: self._send(self._admin, request), both))
        for request, response in zip(both, responses, strict=True):
            self._note(request, response)
        # The quiz may have been created before the deletion.
        self._model.written_without_response((*lesson, QUIZ), ABSENT)

    def read(self, events: Iterable[Path]) -> None:
        """Read the events with all that belongs to them, and compare."""
        kept = self._items("/api/events")
        if kept is None:
            return
        by_slug = {item["slug"]: item for item in kept}
        for event in events:
            if self._found(event, by_slug.get(event[0])):
                self._read_lessons(event)
                self._read_quizzes(event)

    # Learners

    def look(self, event: Path, *, with_key: bool) -> None:
        """Read the catalog: the status of each lesson must hold at its serverTime."""
        address, first = f"/api/public/events/{event[0]}/catalog", now()
        response = self._send(self._learner, Request(event, None, "POST", address, self._key(event, with_key)))
        if response is None or self._is_blocked(event, response, with_key):
            return
        if not response.is_success:
            self.ledger.not_found(event, response)
            return
        document = response.json()
        assert format_instant(first) <= document["serverTime"] <= format_instant(now())
        for item in document["catalog"]["items"]:
            lesson = state_of(item)
            self._model.found((*event, item["slug"]), lesson)
            assert item["status"] == lesson.status(document["serverTime"])
            assert (item["videoId"] is None) == (item["status"] != "released")

    def check_access(self, lesson: Path, *, with_key: bool) -> None:
        """Check the access: the status must hold at its serverTime."""
        first = format_instant(now())
        response = self._send(self._learner, self._entry(lesson, "access-check", with_key))
        if response is None or self._is_blocked(lesson, response, with_key):
            return
        if not response.is_success:
            self.ledger.not_found(lesson, response)
            return
        access = response.json()
        assert first <= access["serverTime"] <= format_instant(now())
        window = (access["timing"]["releaseAt"], access["timing"]["expiresAt"])
        known = [state for state in self._model.possible(lesson) if state is not ABSENT and state[1:] == window]
        assert known, f"{lesson} has no window {window}"
        assert access["status"] == known[0].status(access["serverTime"])
        assert access["authorized"] == (access["status"] == "released")

    def enter(self, lesson: Path, action: str, *, with_key: bool, keyed: bool = False) -> None:
        """Play, take or submit the quiz: it works only while the lesson is open."""
        request = self._entry(lesson, action, with_key, keyed=keyed)
        first = format_instant(now())
        response = self._send(self._learner, request)
        last = format_instant(now())
        if response is None:
            if request.is_submission:
                self.ledger.unanswered(request)
        elif not self._is_blocked(lesson, response, with_key):
            self.ledger.judge_entry(lesson, response, first, last)
            if request.is_submission:
                self.ledger.submitted(request, response)
            else:
                assert not any(name in response.text for name in RIGHT_OPTIONS)

    # The end

    def settle(self) -> None:
        """Heal everything: all acknowledged writes exist once and complete, and nothing else remains."""
        self.stack.heal()
        self._await_no_orphans()
        owed, self.ledger.owed = self.ledger.owed, []
        for request in owed:
            self._send_until_answered(request)
        self.read(self._model.paths((), 1))
        if self._model.is_anything_in_flight():
            # Kill every process that may still carry out a request: then a read decides.
            self.stack.kill()
            self.stack.heal()
            self._await_no_orphans()
            self._model.nothing_is_in_flight()
            self.read(self._model.paths((), 1))
        self._count_attempts()
        assert [self.stack.rows(*each) for each in AUDIT_MISMATCHES] == [[] for _ in AUDIT_MISMATCHES]

    def clear(self) -> None:
        """Delete every event with all that belongs to it."""
        for event in self.known(1):
            self.delete(event)
            assert self._model.possible(event) == {ABSENT}
        self._await_no_orphans()

    def orphans(self) -> list[tuple[Any, ...]]:
        """Return the quizzes whose lesson is gone."""
        lessons = set(self.stack.rows("content", "SELECT event_id, id FROM lessons"))
        quizzes = self.stack.rows("quiz", "SELECT event_id, lesson_id FROM quizzes")
        return [each for each in quizzes if each not in lessons]

    def _await_no_orphans(self) -> None:
        until(lambda: self.orphans() == [], "no orphan is left", ORPHAN_SECONDS)

    def _send_until_answered(self, request: Request) -> None:
        client = self._learner if request.is_submission else self._admin
        responses: list[httpx.Response] = []

        def is_answered() -> bool:
            response = self._send(client, request)
            if response is not None:
                responses.append(response)
            return response is not None

        until(is_answered, f"an answer to {request.method} {request.address}")
        self.ledger.answered_again(request, responses[0])

    def _count_attempts(self) -> None:
        kept = Counter(lesson for (lesson,) in self.stack.rows("quiz", "SELECT lesson_id FROM quiz_attempts"))
        for lesson, attempts in self.ledger.attempts.items():
            number = kept[self.ledger.ids[lesson]]
            assert attempts.certain <= number <= attempts.certain + attempts.perhaps, (number, attempts)
            self.ledger.counts["attempts"] += number

    # Requests

    def _create(self, path: Path, state: Any, address: str, body: Json, keyed: bool) -> None:
        self._write(Request(path, state, "POST", address, body, _new_key(keyed)))

    def _new_quiz(self, lesson: Path, keyed: bool) -> Request:
        title = unique("quiz")
        place = {"eventId": self.ledger.ids[lesson[:1]], "lessonId": self.ledger.ids[lesson]}
        body = {**place, "title": title, "questions": questions(2)}
        return Request((*lesson, QUIZ), title, "POST", "/api/quizzes", body, _new_key(keyed))

    def _deletion(self, path: Path) -> Request:
        address = (self._event, self._lesson, self._quiz)[len(path) - 1]
        return Request(path, ABSENT, "DELETE", address(path))

    def _entry(self, lesson: Path, action: str, with_key: bool, *, keyed: bool = False) -> Request:
        address = f"/api/public/events/{lesson[0]}/lessons/{lesson[1]}/{action}"
        body = self._key(lesson, with_key)
        if action != "quiz/submit":
            return Request(lesson, None, "POST", address, body)
        return Request((*lesson, ATTEMPTS), None, "POST", address, {**body, "answers": []}, _new_key(keyed))

    def _write(self, request: Request) -> None:
        self._note(request, self._send(self._admin, request))

    def _note(self, request: Request, response: httpx.Response | None) -> None:
        if response is None:
            self.ledger.unanswered(request)
        else:
            self.ledger.answered(request, response)

    def _send(self, client: httpx.Client, request: Request) -> httpx.Response | None:
        """Return the response; None when there is none, or one that does not say what happened."""
        headers = {"Idempotency-Key": f'"{request.key}"'} if request.key else {}
        response = None
        with suppress(httpx.HTTPError):
            response = client.request(request.method, request.address, json=request.body, headers=headers)
        return response if self.ledger.is_conclusive(response) else None

    def _is_blocked(self, path: Path, response: httpx.Response, with_key: bool) -> bool:
        """Tell whether a private event stayed closed: always without its key, never with it."""
        shut = self._keys[path[0]] is not None and not with_key
        blocked = response.status_code != 404 and response.json().get("status") == "blocked_private"
        assert blocked == (shut and response.status_code != 404), response.text
        return blocked

    def _items(self, address: str) -> list[Json] | None:
        response = self._send(self._admin, Request((), None, "GET", address))
        return None if response is None or not response.is_success else list(response.json()["items"])

    def _found(self, path: Path, item: Json | None) -> bool:
        self._model.found(path, state_of(item) if item else ABSENT)
        if item:
            self.ledger.ids[path] = item["id"]
        return item is not None

    def _read_lessons(self, event: Path) -> None:
        items = self._items(f"{self._event(event)}/lessons")
        if items is None:
            return
        by_slug = {item["slug"]: item for item in items}
        for lesson in self._model.paths(event, 2):
            if self._found(lesson, by_slug.get(lesson[1])):
                self._read_files(lesson)

    def _read_files(self, lesson: Path) -> None:
        items = self._items(f"{self._lesson(lesson)}/materials")
        if items is None:
            return
        numbers = Counter(item["fileName"].partition(".")[0] for item in items)
        for upload in self._model.paths(lesson, 3):
            if upload[2] != QUIZ:
                self._model.found(upload, numbers.pop(upload[2], ABSENT))
        assert not numbers, f"nobody has attached {numbers}"

    def _read_quizzes(self, event: Path) -> None:
        items = self._items(f"/api/quizzes?eventId={self.ledger.ids[event]}")
        if items is None:
            return
        by_lesson = {item["lessonId"]: item for item in items}
        for quiz in self._model.paths(event, 3):
            item = by_lesson.get(self.ledger.ids[quiz[:2]])
            if quiz[2] == QUIZ and self._found(quiz, item):
                assert item is not None
                assert [len(question["options"]) for question in item["questions"]] == [2, 2]

    def _event(self, path: Path) -> str:
        return f"/api/events/{self.ledger.ids[path[:1]]}"

    def _lesson(self, path: Path) -> str:
        return f"{self._event(path)}/lessons/{self.ledger.ids[path[:2]]}"

    def _quiz(self, path: Path) -> str:
        return f"/api/quizzes/{self.ledger.ids[path]}"

    def _key(self, path: Path, with_key: bool) -> Json:
        key = self._keys[path[0]]
        return {"eventAccessKey": key} if with_key and key is not None else {}


def _lesson(opens_in: float, open_for: float | None) -> Lesson:
    release = now() + timedelta(seconds=opens_in)
    expires = None if open_for is None else format_instant(release + timedelta(seconds=open_for))
    return Lesson(unique("title"), format_instant(release), expires)


def _fields(lesson: Lesson) -> Json:
    return {"title": lesson.title, "releaseAt": lesson.release_at, "expiresAt": lesson.expires_at}


def _new_key(keyed: bool) -> str | None:
    return unique("key") if keyed else None
