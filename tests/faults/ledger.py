"""Requests and responses: each response is checked against the model and then recorded in it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from tests.faults.model import ABSENT, QUIZ, Model, Path, State

Json = dict[str, Any]

ATTEMPTS = "attempts"
UNAVAILABLE = (503, 504)
# The length of the path that each error code calls missing.
NOT_FOUND = {"EVENT_NOT_FOUND": 1, "LESSON_NOT_FOUND": 2, "QUIZ_NOT_FOUND": 3}


class Lesson(NamedTuple):
    """The state of a lesson; its instants are texts, which sort by time."""

    title: str
    release_at: str
    expires_at: str | None

    def status(self, at: str) -> str:
        """Return the status at that instant (docs/contract/BEHAVIOUR.md, "Lessons")."""
        if self.release_at > at:
            return "locked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "released"

    def statuses(self, first: str, last: str) -> set[str]:
        """Return every status between two instants."""
        passed = {self.status(at) for at in (first, last)}
        return passed | {"released"} if passed == {"locked", "expired"} else passed


@dataclass(frozen=True)
class Request:
    """Something sent; under a key it can be sent again. A write makes of its path the state; a submission, whose
    path ends in ATTEMPTS, is counted instead."""

    path: Path
    state: State
    method: str
    address: str
    body: Json | None = None
    key: str | None = None

    @property
    def is_submission(self) -> bool:
        """Tell whether a learner has sent it."""
        return self.path[-1] == ATTEMPTS


@dataclass
class Attempts:
    """The number of acknowledged attempts, and of those without a response."""

    certain: int = 0
    perhaps: int = 0


class Ledger:
    """The model, the ids of its records, and the figures."""

    def __init__(self) -> None:
        self.model = Model()
        self.ids: dict[Path, str] = {}
        self.attempts: dict[Path, Attempts] = {}
        self.owed: list[Request] = []
        self.counts: Counter[str] = Counter()

    def is_conclusive(self, response: httpx.Response | None) -> bool:
        """Tell whether the response says what happened. Raise AssertionError when it is not allowed."""
        if response is None:
            self.counts["unanswered"] += 1
            return False
        document = response.json() if response.content else {}
        if response.status_code in UNAVAILABLE or document.get("error") == "IDEMPOTENCY_KEY_IN_FLIGHT":
            assert int(response.headers["Retry-After"]) >= 1
            assert set(document) == {"error", "message", "requestId"}
            self.counts["refused"] += 1
            return False
        assert response.status_code in (200, 201, 204, 403, 404, 409), response.text
        return True

    def unanswered(self, request: Request) -> None:
        """Record a request without a response: it may be carried out now or later."""
        if request.key is not None:
            self.owed.append(request)
        if request.is_submission:
            # A repeated submission is counted when it is answered.
            self._attempts(request).perhaps += request.key is None
        elif request.state is ABSENT:
            self.model.removed_without_response(request.path)
        else:
            self.model.written_without_response(request.path, request.state)

    def answered(self, request: Request, response: httpx.Response) -> None:
        """Record an admin's write, acknowledged or refused for a reason that the model allows."""
        if response.is_success:
            self._acknowledged(request, response)
        elif response.status_code == 409:
            self._conflicts(request, response)
        else:
            self.not_found(request.path, response)

    def answered_again(self, request: Request, response: httpx.Response) -> None:
        """Record a request that was repeated under its key until it was answered: it happened once."""
        self.counts["sent again"] += 1
        if request.is_submission:
            # An earlier try may have succeeded: the lesson may have closed since.
            self._attempts(request).certain += response.is_success
            self._attempts(request).perhaps += not response.is_success
        elif not response.is_success:
            self.answered(request, response)
        else:
            self.model.written_once(request.path, request.state)

    def submitted(self, request: Request, response: httpx.Response) -> None:
        """Count an accepted submission."""
        self._attempts(request).certain += response.is_success

    def not_found(self, path: Path, response: httpx.Response) -> None:
        """Check that the record or one of its parents can be missing."""
        assert response.status_code == 404, response.text
        length = NOT_FOUND[response.json()["error"]]
        # A quiz needs its lesson.
        parents = [(*path, QUIZ)[:part] for part in range(1, length + 1)]
        assert any(ABSENT in self.model.possible(each) for each in parents), (
            f"{response.text}, but {path} must be there"
        )

    def judge_entry(self, lesson: Path, response: httpx.Response, first: str, last: str) -> None:
        """Check that the lesson had the status of the response at some instant between these."""
        if response.status_code == 404:
            self.not_found(lesson, response)
            return
        status = "released" if response.is_success else response.json()["status"]
        self.counts["let in" if response.is_success else "kept out"] += 1
        lessons = [state for state in self.model.possible(lesson) if isinstance(state, Lesson)]
        assert any(status in each.statuses(first, last) for each in lessons), (status, first, last, lessons)

    def _acknowledged(self, request: Request, response: httpx.Response) -> None:
        self.counts["acknowledged"] += 1
        if request.state is ABSENT:
            self.model.removed(request.path)
            return
        self.model.written(request.path, request.state)
        document = response.json()
        if "item" in document:
            assert state_of(document["item"]) == request.state
            self.ids[request.path] = document["item"]["id"]

    def _conflicts(self, request: Request, response: httpx.Response) -> None:
        # All names are new: only a second quiz of a lesson can conflict.
        assert response.json()["error"] == "QUIZ_LESSON_CONFLICT", response.text
        assert self.model.possible(request.path) - {ABSENT, request.state}, response.text

    def _attempts(self, request: Request) -> Attempts:
        return self.attempts.setdefault(request.path[:-1], Attempts())


def state_of(item: Json) -> State:
    """Return the part of an item that the model stores."""
    if "releaseAt" in item:
        return Lesson(item["title"], item["releaseAt"], item["expiresAt"])
    return item["title"]
