"""What was sent and how it was answered: each answer is judged by the model, and then noted in it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from tests.faults.model import ABSENT, QUIZ, Model, Path, State

Json = dict[str, Any]

ATTEMPTS = "attempts"
UNAVAILABLE = (503, 504)
# What an answer says is not there, by how much of its path.
NOT_FOUND = {"EVENT_NOT_FOUND": 1, "LESSON_NOT_FOUND": 2, "QUIZ_NOT_FOUND": 3}


class Lesson(NamedTuple):
    """The state of a lesson; instants as they are on the wire, which sorts them."""

    title: str
    release_at: str
    expires_at: str | None

    def status(self, at: str) -> str:
        """As the contract defines it."""
        if self.release_at > at:
            return "locked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "released"

    def statuses(self, first: str, last: str) -> set[str]:
        """All that it has from one instant to another."""
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
        """Whether a learner has sent it."""
        return self.path[-1] == ATTEMPTS


@dataclass
class Attempts:
    """How many a lesson must have: those that were acknowledged; and may have: those that were not answered."""

    certain: int = 0
    perhaps: int = 0


class Ledger:
    """The model, the ids by which admins address its things, and the figures."""

    def __init__(self) -> None:
        self.model = Model()
        self.ids: dict[Path, str] = {}
        self.attempts: dict[Path, Attempts] = {}
        self.owed: list[Request] = []
        self.counts: Counter[str] = Counter()

    def is_answer(self, response: httpx.Response | None) -> bool:
        """False when nobody can tell from it what has happened; raises AssertionError when it may not be given."""
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
        """It may have been carried out, or may yet be."""
        if request.key is not None:
            self.owed.append(request)
        if request.is_submission:
            # One that is sent again later is counted then.
            self._attempts(request).perhaps += request.key is None
        elif request.state is ABSENT:
            self.model.perhaps_removed(request.path)
        else:
            self.model.perhaps_written(request.path, request.state)

    def answered(self, request: Request, response: httpx.Response) -> None:
        """An admin's write was acknowledged, or refused for a reason that the model must know."""
        if response.is_success:
            self._acknowledged(request, response)
        elif response.status_code == 409:
            self._conflicts(request, response)
        else:
            self.not_found(request.path, response)

    def answered_again(self, request: Request, response: httpx.Response) -> None:
        """What was sent under a key until there was an answer has happened once, now or before."""
        self.counts["sent again"] += 1
        if request.is_submission:
            # A refusal does not tell whether it was carried out before: the lesson may have closed since.
            self._attempts(request).certain += response.is_success
            self._attempts(request).perhaps += not response.is_success
        elif not response.is_success:
            self.answered(request, response)
        else:
            self.model.written_once(request.path, request.state)

    def submitted(self, request: Request, response: httpx.Response) -> None:
        """A learner was let in, or not."""
        self._attempts(request).certain += response.is_success

    def not_found(self, path: Path, response: httpx.Response) -> None:
        """That, or what it is part of, must be possible."""
        assert response.status_code == 404, response.text
        length = NOT_FOUND[response.json()["error"]]
        # Without its lesson there is no quiz.
        whole = [(*path, QUIZ)[:part] for part in range(1, length + 1)]
        assert any(ABSENT in self.model.possible(each) for each in whole), f"{response.text}, but {path} must be there"

    def judge_entry(self, lesson: Path, response: httpx.Response, first: str, last: str) -> None:
        """Whoever is let in or kept out must be so at some instant between those."""
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
        # Names are new, so that only a second quiz can conflict, and only with another one.
        assert response.json()["error"] == "QUIZ_LESSON_CONFLICT", response.text
        assert self.model.possible(request.path) - {ABSENT, request.state}, response.text

    def _attempts(self, request: Request) -> Attempts:
        return self.attempts.setdefault(request.path[:-1], Attempts())


def state_of(item: Json) -> State:
    """What the model keeps of an item."""
    if "releaseAt" in item:
        return Lesson(item["title"], item["releaseAt"], item["expiresAt"])
    return item["title"]
