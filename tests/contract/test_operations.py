"""Every operation of the contract gives each of its documented answers, and each error code that these name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.contract.openapi import Contract
from tests.contract.samples import (
    FUTURE,
    LATER_PAST,
    PAST,
    UNKNOWN,
    Json,
    attached,
    chosen,
    event_body,
    file_body,
    lesson_body,
    new_event,
    new_lesson,
    new_quiz,
    private_event,
    question,
    questions,
    unique,
)
from tests.installation import ADMIN

CONTRACT = Contract()

EVENT = "/api/events/{eventId}"
LESSONS = EVENT + "/lessons"
LESSON = LESSONS + "/{lessonId}"
MATERIALS = LESSON + "/materials"
QUIZ = "/api/quizzes/{quizId}"
SNAPSHOT = "GET /api/admin/dashboard/operational-snapshot"
PUBLIC_EVENT = "/api/public/events/{eventSlug}"
CATALOG = f"POST {PUBLIC_EVENT}/catalog"
PUBLIC_LESSON = f"POST {PUBLIC_EVENT}/lessons/{{lessonSlug}}"
ACCESS_CHECK, PLAYBACK, PUBLIC_MATERIALS, PUBLIC_QUIZ, SUBMIT = (
    f"{PUBLIC_LESSON}/{action}" for action in ("access-check", "playback", "materials", "quiz", "quiz/submit")
)


class Scene:
    """A public event with an open lesson that has a material and a quiz."""

    def __init__(self, admin: httpx.Client, learner: httpx.Client):
        self.admin, self.learner = admin, learner
        self.event = new_event(admin)
        self.lesson = new_lesson(admin, self.event)
        self.quiz = new_quiz(admin, self.lesson)
        attached(admin, self.lesson)

    def ask(
        self, operation: str, body: Any = None, client: httpx.Client | None = None, **values: str
    ) -> httpx.Response:
        """Call the operation on this scene, except where `values` name other ids or slugs."""
        own = {
            "eventId": self.event["id"],
            "lessonId": self.lesson["id"],
            "quizId": self.quiz["id"],
            "eventSlug": self.event["slug"],
            "lessonSlug": self.lesson["slug"],
        }
        method, path = operation.split(" ")
        address = path.format(**{**own, **values})
        return (client or self.own_client(operation)).request(method, address, json=body)

    def own_client(self, operation: str) -> httpx.Client:
        """Learners call the public operations, admins all others."""
        return self.learner if "/api/public" in operation else self.admin

    def other_lesson(self, **fields: Any) -> str:
        """The slug of another lesson of the event."""
        return str(new_lesson(self.admin, self.event, **fields)["slug"])

    def private(self) -> str:
        """The slug of a private event."""
        return str(private_event(self.admin)["slug"])


@dataclass(frozen=True)
class Provocation:
    """How to make an operation give one of its documented answers; `case` tells those of one code apart."""

    operation: str
    status: int
    code: str | None
    case: str
    provoke: Callable[[Scene], httpx.Response]

    @property
    def id(self) -> str:
        """For pytest."""
        return " ".join(filter(None, (self.operation, str(self.status), self.code, self.case)))


def valid_body(scene: Scene, operation: str) -> Any:
    """What the operation accepts."""
    bodies: dict[str, Any] = {
        "POST /api/admin/login": ADMIN,
        "POST /api/events": event_body(),
        f"PUT {EVENT}": {"title": "Another title"},
        f"POST {LESSONS}": lesson_body(),
        f"PUT {LESSON}": {"title": "Another title"},
        f"POST {MATERIALS}": {"files": [file_body()]},
        "POST /api/quizzes": quiz_body(scene),
        f"PUT {QUIZ}": {"title": "Another quiz", "questions": questions(3)},
        SUBMIT: {"answers": chosen(scene.quiz, True, False)},
    }
    return bodies.get(operation)


def quiz_body(scene: Scene, **fields: Any) -> Json:
    """A quiz for a lesson that has none yet."""
    lesson = new_lesson(scene.admin, scene.event)
    body = {"eventId": scene.event["id"], "lessonId": lesson["id"], "title": "A quiz", "questions": questions()}
    return {**body, **fields}


def successes() -> Iterator[Provocation]:
    """What each operation is for."""
    for operation in CONTRACT.operations:
        (status,) = [status for status in operation.answers if status < 300]
        yield Provocation(operation.name, status, None, "", _success(operation.name))


def _success(operation: str) -> Callable[[Scene], httpx.Response]:
    return lambda scene: scene.ask(operation, valid_body(scene, operation))


def strangers() -> Iterator[Provocation]:
    """Nobody works behind the admins' door without a token."""
    for operation in CONTRACT.operations:
        documented = operation.answers.get(401)
        if documented and "UNAUTHORIZED" in documented.codes:
            yield Provocation(operation.name, 401, "UNAUTHORIZED", "without a token", _stranger(operation.name))


def _stranger(operation: str) -> Callable[[Scene], httpx.Response]:
    return lambda scene: scene.ask(operation, valid_body(scene, operation), client=scene.learner)


def absences() -> Iterator[Provocation]:
    """Whatever a path names may be unknown."""
    for operation in CONTRACT.operations:
        for name, code in (
            ("eventId", "EVENT_NOT_FOUND"),
            ("eventSlug", "EVENT_NOT_FOUND"),
            ("lessonId", "LESSON_NOT_FOUND"),
            ("lessonSlug", "LESSON_NOT_FOUND"),
            ("quizId", "QUIZ_NOT_FOUND"),
        ):
            if f"{{{name}}}" in operation.path:
                yield Provocation(operation.name, 404, code, f"unknown {name}", _absence(operation.name, name))


def _absence(operation: str, name: str) -> Callable[[Scene], httpx.Response]:
    return lambda scene: scene.ask(
        operation, valid_body(scene, operation), scene.own_client(operation), **{name: UNKNOWN}
    )


def closed_doors() -> Iterator[Provocation]:
    """A lesson that does not open for this learner now."""
    for operation in (PLAYBACK, PUBLIC_MATERIALS, PUBLIC_QUIZ, SUBMIT):
        for case, fields in (
            ("locked", {"releaseAt": FUTURE}),
            ("expired", {"releaseAt": PAST, "expiresAt": LATER_PAST}),
        ):
            yield Provocation(operation, 403, "LESSON_ACCESS_DENIED", case, _closed(operation, fields))
        yield Provocation(operation, 403, "LESSON_ACCESS_DENIED", "blocked_private", _private(operation))
    yield Provocation(CATALOG, 403, "EVENT_ACCESS_DENIED", "blocked_private", _private(CATALOG))


def _closed(operation: str, fields: Json) -> Callable[[Scene], httpx.Response]:
    return lambda scene: scene.ask(operation, valid_body(scene, operation), lessonSlug=scene.other_lesson(**fields))


def _private(operation: str) -> Callable[[Scene], httpx.Response]:
    return lambda scene: scene.ask(operation, valid_body(scene, operation), eventSlug=scene.private())


def _no_right_option() -> list[Json]:
    return [question("Which one?", ("this", False), ("that", False))]


WINDOW_BACKWARDS = {"releaseAt": LATER_PAST, "expiresAt": PAST}

PARTICULAR = (
    Provocation(
        "POST /api/admin/login",
        400,
        "VALIDATION_ERROR",
        "",
        lambda scene: scene.ask("POST /api/admin/login", {"username": "admin"}),
    ),
    Provocation(
        "POST /api/admin/login",
        401,
        "INVALID_CREDENTIALS",
        "",
        lambda scene: scene.ask("POST /api/admin/login", {**ADMIN, "password": "not the password"}),
    ),
    Provocation(
        "POST /api/events",
        400,
        "VALIDATION_ERROR",
        "",
        lambda scene: scene.ask("POST /api/events", event_body(title="ab")),
    ),
    Provocation(
        "POST /api/events",
        409,
        "EVENT_SLUG_CONFLICT",
        "",
        lambda scene: scene.ask("POST /api/events", event_body(slug=scene.event["slug"])),
    ),
    Provocation(f"PUT {EVENT}", 400, "VALIDATION_ERROR", "", lambda scene: scene.ask(f"PUT {EVENT}", {})),
    Provocation(
        f"PUT {EVENT}",
        409,
        "EVENT_SLUG_CONFLICT",
        "",
        lambda scene: scene.ask(f"PUT {EVENT}", {"slug": new_event(scene.admin)["slug"]}),
    ),
    Provocation(
        f"POST {LESSONS}",
        400,
        "VALIDATION_ERROR",
        "",
        lambda scene: scene.ask(f"POST {LESSONS}", lesson_body(releaseAt="tomorrow")),
    ),
    Provocation(
        f"POST {LESSONS}",
        400,
        "LESSON_INVALID_WINDOW",
        "",
        lambda scene: scene.ask(f"POST {LESSONS}", lesson_body(**WINDOW_BACKWARDS)),
    ),
    Provocation(
        f"POST {LESSONS}",
        409,
        "LESSON_SLUG_CONFLICT",
        "",
        lambda scene: scene.ask(f"POST {LESSONS}", lesson_body(slug=scene.lesson["slug"])),
    ),
    Provocation(f"PUT {LESSON}", 400, "VALIDATION_ERROR", "", lambda scene: scene.ask(f"PUT {LESSON}", {})),
    Provocation(
        f"PUT {LESSON}",
        400,
        "LESSON_INVALID_WINDOW",
        "",
        lambda scene: scene.ask(f"PUT {LESSON}", WINDOW_BACKWARDS),
    ),
    Provocation(
        f"PUT {LESSON}",
        409,
        "LESSON_SLUG_CONFLICT",
        "",
        lambda scene: scene.ask(f"PUT {LESSON}", {"slug": scene.other_lesson()}),
    ),
    Provocation(
        f"POST {MATERIALS}",
        400,
        "VALIDATION_ERROR",
        "",
        lambda scene: scene.ask(f"POST {MATERIALS}", {"files": []}),
    ),
    Provocation(
        "POST /api/quizzes",
        400,
        "VALIDATION_ERROR",
        "",
        lambda scene: scene.ask("POST /api/quizzes", quiz_body(scene, questions=[])),
    ),
    Provocation(
        "POST /api/quizzes",
        400,
        "QUIZ_MISSING_CORRECT_OPTION",
        "",
        lambda scene: scene.ask("POST /api/quizzes", quiz_body(scene, questions=_no_right_option())),
    ),
    Provocation(
        "POST /api/quizzes",
        404,
        "EVENT_NOT_FOUND",
        "",
        lambda scene: scene.ask("POST /api/quizzes", quiz_body(scene, eventId=UNKNOWN)),
    ),
    Provocation(
        "POST /api/quizzes",
        404,
        "LESSON_NOT_FOUND",
        "",
        lambda scene: scene.ask("POST /api/quizzes", quiz_body(scene, lessonId=UNKNOWN)),
    ),
    Provocation(
        "POST /api/quizzes",
        409,
        "QUIZ_LESSON_CONFLICT",
        "",
        lambda scene: scene.ask("POST /api/quizzes", quiz_body(scene, lessonId=scene.lesson["id"])),
    ),
    Provocation(
        f"PUT {QUIZ}",
        400,
        "VALIDATION_ERROR",
        "",
        lambda scene: scene.ask(f"PUT {QUIZ}", {"title": "Without questions"}),
    ),
    Provocation(
        f"PUT {QUIZ}",
        400,
        "QUIZ_MISSING_CORRECT_OPTION",
        "",
        lambda scene: scene.ask(f"PUT {QUIZ}", {"title": "A quiz", "questions": _no_right_option()}),
    ),
    *(
        Provocation(
            operation,
            404,
            "QUIZ_NOT_FOUND",
            "the lesson has none",
            lambda scene, operation=operation: scene.ask(  # type: ignore[misc]
                operation, {"answers": []}, lessonSlug=scene.other_lesson()
            ),
        )
        for operation in (PUBLIC_QUIZ, SUBMIT)
    ),
    Provocation(SUBMIT, 400, "VALIDATION_ERROR", "", lambda scene: scene.ask(SUBMIT, {"answers": "all of them"})),
    Provocation(
        SUBMIT,
        400,
        "QUIZ_INVALID_ATTEMPT",
        "",
        lambda scene: scene.ask(SUBMIT, {"answers": [{"questionId": UNKNOWN, "optionId": UNKNOWN}]}),
    ),
)

PROVOCATIONS = (*successes(), *strangers(), *absences(), *closed_doors(), *PARTICULAR)


@pytest.fixture
def scene(admin: httpx.Client, learner: httpx.Client) -> Scene:
    """A scene of the test's own."""
    return Scene(admin, learner)


@pytest.mark.parametrize("provocation", PROVOCATIONS, ids=lambda provocation: provocation.id)
def test_the_operation_gives_the_documented_answer(scene: Scene, contract: Contract, provocation: Provocation) -> None:
    answer = provocation.provoke(scene)
    contract.check(answer)
    operation = contract.operation(answer.request)
    assert operation is not None
    code = answer.json().get("error") if answer.content else None
    told = (operation.name, answer.status_code, code)
    assert told == (provocation.operation, provocation.status, provocation.code), answer.text


def test_every_documented_answer_and_every_documented_error_code_is_provoked() -> None:
    documented = {
        (operation.name, status, code)
        for operation in CONTRACT.operations
        for status, answer in operation.answers.items()
        for code in answer.codes or {None}
    }
    provoked = {(each.operation, each.status, each.code) for each in PROVOCATIONS}
    assert documented == provoked
    assert len({operation for operation, _, _ in documented}) == len(CONTRACT.operations) == 23


def test_provocations_are_told_apart() -> None:
    ids = [provocation.id for provocation in PROVOCATIONS]
    assert sorted(set(ids)) == sorted(ids)


def test_every_error_with_more_than_one_cause_is_provoked_by_each() -> None:
    blocking = {(each.operation, each.case) for each in PROVOCATIONS if each.code == "LESSON_ACCESS_DENIED"}
    reasons = ("locked", "expired", "blocked_private")
    expected = {(each, reason) for each in (PLAYBACK, PUBLIC_MATERIALS, PUBLIC_QUIZ, SUBMIT) for reason in reasons}
    assert blocking == expected


def test_the_judge_refuses_an_answer_that_the_contract_does_not_document(contract: Contract) -> None:
    request = httpx.Request("GET", "http://flix.test/api/events")
    id_header = {"X-Request-ID": "one"}
    undocumented = (
        httpx.Response(202, json={"items": []}, headers=id_header, request=request),
        httpx.Response(200, json={"items": [{"id": unique("event")}]}, headers=id_header, request=request),
        httpx.Response(200, json={"items": []}, request=request),
        httpx.Response(404, json={"error": "EVENT_NOT_FOUND", "message": "", "requestId": "one"}, request=request),
        httpx.Response(
            401, json={"error": "UNAUTHORIZED", "message": "", "requestId": "two"}, headers=id_header, request=request
        ),
    )
    complaints = []
    for answer in undocumented:
        with pytest.raises(AssertionError) as complaint:
            contract.check(answer)
        complaints.append(str(complaint.value).split(" - ")[-1].split(";")[0])
    assert complaints == [
        "GET /api/events documents no 202",
        "$.items[0]: 'title' is a required property",
        "has no X-Request-ID",
        "has no X-Request-ID",
        "has another id in its header: one",
    ]
