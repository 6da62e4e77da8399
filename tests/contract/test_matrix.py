"""The matrix of who may do what: every operation of the gateway and every caller, on running processes.

Whoever is not let in asks for something that is there, in a way that would do harm; whoever is let in asks for nothing
that is, so that each cell shows how far the caller came and nothing is changed by any of them.
"""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.config import read_settings
from gateway.routes import PUBLIC_ROUTES
from services.kit.web.guards import Guard
from tests.contract.matrix import ADMINS, CALLERS, Operation, is_let_in, mounted
from tests.contract.people import OWN, USERS, invited, settled
from tests.contract.samples import (
    ACCESS_KEY,
    Json,
    attached,
    chosen,
    event_body,
    file_body,
    lesson_body,
    new_lesson,
    new_quiz,
    private_event,
    questions,
    said,
)
from tests.contract.tokens import Tokens
from tests.installation import Installation
from tests.refusals import FORBIDDEN, UNAUTHORIZED, Answer

OTHER_KEY = "the key of another event"
UNKNOWN = "no-such-thing"
OPERATIONS = mounted(create_app(read_settings({})))
GUARDS: Mapping[Operation, Guard] = {
    **{operation: Guard.OPEN for operation in OPERATIONS if operation.path.startswith("/health")},
    **{Operation(method, route.path): guard for route in PUBLIC_ROUTES for method, guard in route.guards.items()},
}
LESSON = "/api/events/{event_id}/lessons/{lesson_id}"
ACCESS = "/api/events/{event_id}/access"
LEARNER = "/api/public/events/{event_slug}"
LEARNER_LESSON = LEARNER + "/lessons/{lesson_slug}"

# How each operation answers whoever is let in and asks for nothing that is there, or, as a learner, without the key.
OPENED: Mapping[str, tuple[int, str | None]] = {
    "GET /health": (200, None),
    "GET /health/live": (200, None),
    "GET /health/ready": (200, None),
    "POST /api/admin/login": (400, "VALIDATION_ERROR"),
    "POST /api/admin/token/refresh": (400, "VALIDATION_ERROR"),
    "POST /api/admin/logout": (204, None),
    "GET /api/admin/me": (200, None),
    "POST /api/admin/me/password": (400, "VALIDATION_ERROR"),
    "GET /api/admin/dashboard/operational-snapshot": (200, None),
    "GET /api/admin/integrity": (200, None),
    "GET /api/admin/users": (200, None),
    "POST /api/admin/users": (400, "VALIDATION_ERROR"),
    "GET /api/admin/users/{user_id}": (404, "ADMIN_NOT_FOUND"),
    "PUT /api/admin/users/{user_id}": (400, "VALIDATION_ERROR"),
    "POST /api/admin/users/{user_id}/password": (404, "ADMIN_NOT_FOUND"),
    "GET /api/admin/audit": (200, None),
    "GET /api/events": (200, None),
    "POST /api/events": (400, "VALIDATION_ERROR"),
    "GET /api/events/{event_id}": (404, "EVENT_NOT_FOUND"),
    "PUT /api/events/{event_id}": (400, "VALIDATION_ERROR"),
    "DELETE /api/events/{event_id}": (404, "EVENT_NOT_FOUND"),
    f"POST {ACCESS}": (403, "EVENT_ACCESS_DENIED"),
    "GET /api/events/{event_id}/lessons": (404, "EVENT_NOT_FOUND"),
    "POST /api/events/{event_id}/lessons": (400, "VALIDATION_ERROR"),
    f"GET {LESSON}": (404, "EVENT_NOT_FOUND"),
    f"PUT {LESSON}": (400, "VALIDATION_ERROR"),
    f"DELETE {LESSON}": (404, "EVENT_NOT_FOUND"),
    f"GET {LESSON}/materials": (404, "EVENT_NOT_FOUND"),
    f"POST {LESSON}/materials": (400, "VALIDATION_ERROR"),
    f"DELETE {LESSON}/materials/{{material_id}}": (404, "EVENT_NOT_FOUND"),
    "GET /api/quizzes": (200, None),
    "POST /api/quizzes": (400, "VALIDATION_ERROR"),
    "GET /api/quizzes/{quiz_id}": (404, "QUIZ_NOT_FOUND"),
    "PUT /api/quizzes/{quiz_id}": (400, "VALIDATION_ERROR"),
    "DELETE /api/quizzes/{quiz_id}": (404, "QUIZ_NOT_FOUND"),
    "GET /api/quizzes/{quiz_id}/attempts": (404, "QUIZ_NOT_FOUND"),
    "GET /api/public/events": (200, None),
    f"POST {LEARNER}/catalog": (403, "EVENT_ACCESS_DENIED"),
    f"POST {LEARNER_LESSON}/access-check": (200, None),
    f"POST {LEARNER_LESSON}/playback": (403, "LESSON_ACCESS_DENIED"),
    f"POST {LEARNER_LESSON}/materials": (403, "LESSON_ACCESS_DENIED"),
    f"POST {LEARNER_LESSON}/quiz": (403, "LESSON_ACCESS_DENIED"),
    f"POST {LEARNER_LESSON}/quiz/submit": (403, "LESSON_ACCESS_DENIED"),
}


class World:
    """A private event with all that belongs to it, another one, people of each role, and everyone else's tokens."""

    def __init__(self, stack: Installation, admin: httpx.Client, learner: httpx.Client, tokens: Tokens):
        self.admin, self.learner, self.tokens = admin, learner, tokens
        self.event = private_event(admin)
        self.lesson = new_lesson(admin, self.event)
        self.quiz = new_quiz(admin, self.lesson)
        (self.material,) = attached(admin, self.lesson)
        private_event(admin, accessKey=OTHER_KEY)
        self.person = invited(admin, "viewer")["item"]
        self.people = {role: settled(admin, learner, role) for role in ADMINS}
        self.ids = {
            "event_id": self.event["id"],
            "lesson_id": self.lesson["id"],
            "material_id": self.material["id"],
            "quiz_id": self.quiz["id"],
            "user_id": self.person["id"],
            "event_slug": self.event["slug"],
            "lesson_slug": self.lesson["slug"],
        }

    def ask(self, caller: str, operation: Operation) -> httpx.Response:
        """What the caller sends, and what is answered."""
        let_in = is_let_in(caller, GUARDS[operation])
        is_learners = operation.path.startswith("/api/public") or operation.path == ACCESS
        ids = self.ids if is_learners or not let_in else dict.fromkeys(self.ids, UNKNOWN)
        body: Json = {} if let_in and not is_learners else self.harmful(operation)
        if caller == "other event's key":
            body["eventAccessKey"] = OTHER_KEY
        token = self.token(caller, operation)
        return self.learner.request(
            operation.method,
            self.address(operation, ids),
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
            json=None if operation.method in ("GET", "DELETE") else body,
        )

    def address(self, operation: Operation, ids: Mapping[str, str]) -> str:
        """With those ids; a key is exchanged where the id would be, under the slug."""
        return operation.path.format(
            **{**ids, "event_id": ids["event_slug" if operation.path == ACCESS else "event_id"]}
        )

    def harmful(self, operation: Operation) -> Json:
        """A body that the operation would act on."""
        bodies: dict[str, Json] = {
            "POST /api/admin/me/password": {"currentPassword": OWN, "newPassword": "seven ships sail on sand"},
            "POST /api/admin/users": {"username": "mallory", "role": "owner"},
            "PUT /api/admin/users/{user_id}": {"role": "owner"},
            "POST /api/events": event_body(slug="by-mallory"),
            "PUT /api/events/{event_id}": {"title": "By Mallory", "visibility": "public"},
            "POST /api/events/{event_id}/lessons": lesson_body(slug="by-mallory"),
            f"PUT {LESSON}": {"title": "By Mallory"},
            f"POST {LESSON}/materials": {"files": [file_body(fileName="by-mallory.pdf")]},
            "POST /api/quizzes": {
                "eventId": self.event["id"],
                "lessonId": self.lesson["id"],
                "title": "By Mallory",
                "questions": questions(),
            },
            "PUT /api/quizzes/{quiz_id}": {"title": "By Mallory", "questions": questions(1)},
            f"POST {ACCESS}": {"eventAccessKey": "the key of no event"},
            f"POST {LEARNER_LESSON}/quiz/submit": {"answers": chosen(self.quiz, True, True)},
        }
        return dict(bodies.get(operation.name, {}))

    def token(self, caller: str, operation: Operation) -> str | None:
        """What the caller shows."""
        match caller:
            case "anonymous" | "other event's key":
                return None
            case "forged":
                return self.tokens.of_another_key()
            case "expired":
                return self.tokens.access_token(exp=1_000_000_000)
            case "wrong audience":
                return self.tokens.access_token(aud=["content", "quiz", "auth"])
        person, sign_in = self.people[caller]
        if operation.path.endswith("/logout"):
            # Of a session of its own, which this ends.
            credentials = {"username": person["username"], "password": OWN}
            sign_in = self.learner.post("/api/admin/login", json=credentials).json()
        return str(sign_in["accessToken"])

    def state(self) -> list[Any]:
        """All that a caller who was let in by mistake would have changed."""
        address = f"/api/events/{self.event['id']}"
        asked = (
            address,
            f"{address}/lessons",
            f"{address}/lessons/{self.lesson['id']}/materials",
            f"/api/quizzes/{self.quiz['id']}",
            f"/api/quizzes/{self.quiz['id']}/attempts",
            USERS,
            "/api/events",
            "/api/quizzes",
        )
        return [said(self.admin.get(each)) for each in asked]


@pytest.fixture(scope="module")
def world(stack: Installation, admin: httpx.Client, learner: httpx.Client, tokens: Tokens) -> World:
    """See World."""
    return World(stack, admin, learner, tokens)


def cell(caller: str, operation: Operation) -> Answer:
    """What the matrix holds: a whole refusal, or how far the caller came."""
    if is_let_in(caller, GUARDS[operation]):
        return Answer(*OPENED[operation.name])
    return FORBIDDEN if caller in ADMINS else UNAUTHORIZED


def came(answer: httpx.Response) -> Answer:
    """The same of an answer."""
    if answer.status_code in (401, 403) and answer.json()["error"] in ("UNAUTHORIZED", "FORBIDDEN"):
        return said(answer)
    return Answer(answer.status_code, answer.json().get("error") if answer.content else None)


def test_no_cell_is_left_out() -> None:
    assert {*GUARDS} == {*OPERATIONS}
    assert {operation.name for operation in OPERATIONS} == {*OPENED}
    cells = {(operation, caller): cell(caller, operation) for operation in OPERATIONS for caller in CALLERS}
    assert len(cells) == len(OPERATIONS) * len(CALLERS) == 43 * 8
    # Of each kind there are some, so that no rule of this file has made all alike.
    refused = [each for each in cells.values() if each in (UNAUTHORIZED, FORBIDDEN)]
    assert (refused.count(UNAUTHORIZED), refused.count(FORBIDDEN), len(cells) - len(refused)) == (150, 23, 171)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_each_caller_comes_as_far_as_the_table_says(world: World, operation: Operation) -> None:
    before = world.state()
    answers = {caller: world.ask(caller, operation) for caller in CALLERS}
    assert {caller: came(answer) for caller, answer in answers.items()} == {
        caller: cell(caller, operation) for caller in CALLERS
    }
    assert world.state() == before


def test_what_is_refused_with_another_event_s_key_is_given_with_the_right_one(world: World) -> None:
    answers = {}
    for operation in OPERATIONS:
        if operation.path.startswith(LEARNER) or operation.path == ACCESS:
            body: Json = {"answers": []} if operation.path.endswith("/submit") else {}
            address = world.address(operation, world.ids)
            answers[operation.name] = world.learner.post(address, json={**body, "eventAccessKey": ACCESS_KEY})
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert len(answers) == 7


def test_a_private_event_is_in_no_list_whoever_asks(world: World) -> None:
    for caller in CALLERS:
        answer = world.ask(caller, Operation("GET", "/api/public/events"))
        assert world.event["id"] not in answer.text
    checked = [world.ask(caller, Operation("POST", f"{LEARNER_LESSON}/access-check")).json() for caller in CALLERS]
    assert {(each["authorized"], each["status"]) for each in checked} == {(False, "blocked_private")}
