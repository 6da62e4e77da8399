"""Every operation of the baseline gives each of its documented responses, and each error code that these name."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.contract.openapi import Contract
from tests.contract.samples import (
    FUTURE,
    LATER_PAST,
    PAST,
    UNKNOWN,
    Json,
    event_body,
    lesson_body,
    new_event,
    new_lesson,
    private_event,
    question,
    unique,
)
from tests.contract.scene import (
    BRANDING,
    CATALOG,
    EVENT,
    LESSON,
    LESSONS,
    MATERIALS,
    PLAYBACK,
    PUBLIC_MATERIALS,
    PUBLIC_QUIZ,
    QUIZ,
    SUBMIT,
    Scene,
)
from tests.installation import ADMIN

CONTRACT = Contract()
LOGIN = "POST /api/admin/login"
OPENED_BY_TIME = (PLAYBACK, PUBLIC_MATERIALS, PUBLIC_QUIZ, SUBMIT)
CLOSED: dict[str, Json] = {"locked": {"releaseAt": FUTURE}, "expired": {"releaseAt": PAST, "expiresAt": LATER_PAST}}
BACKWARDS = {"releaseAt": LATER_PAST, "expiresAt": PAST}
NO_RIGHT_OPTION = [question("Which one?", ("this", False), ("that", False))]

Provoke = Callable[[Scene], httpx.Response]


class Provocation(NamedTuple):
    """How to make an operation give one of its documented responses; `case` tells those of one code apart."""

    operation: str
    status: int
    code: str | None
    case: str
    provoke: Provoke

    @property
    def id(self) -> str:
        """For pytest."""
        return " ".join(filter(None, (self.operation, str(self.status), self.code, self.case)))


def valid(operation: str, **options: Any) -> Provoke:
    """Send a valid body."""
    return lambda scene: scene.request(operation, json=scene.valid_body(operation), **options)


def body(operation: str, make: Callable[[Scene], Any]) -> Provoke:
    """Send another body."""
    return lambda scene: scene.request(operation, json=make(scene))


def with_lesson(operation: str, fields: Json) -> Provoke:
    """Send a valid body for another lesson of the event."""

    def provoke(scene: Scene) -> httpx.Response:
        slug = new_lesson(scene.admin, scene.event, **fields)["slug"]
        return scene.request(operation, ids={"lessonSlug": slug}, json=scene.valid_body(operation))

    return provoke


def in_private_event(operation: str) -> Provoke:
    """Send a valid body for a private event."""

    def provoke(scene: Scene) -> httpx.Response:
        slug = private_event(scene.admin)["slug"]
        return scene.request(operation, ids={"eventSlug": slug}, json=scene.valid_body(operation))

    return provoke


def without_token(operation: str) -> Provoke:
    """Send a valid body as a learner."""
    return lambda scene: scene.request(operation, scene.learner, json=scene.valid_body(operation))


def new_quiz_with(**fields: Any) -> Callable[[Scene], Any]:
    """Return a quiz with these fields, for a lesson that has none."""
    return lambda scene: {**(scene.valid_body("POST /api/quizzes") or {}), **fields}


def successes() -> Iterator[Provocation]:
    """Call each operation with a valid body."""
    for operation in CONTRACT.operations:
        (status,) = [status for status in operation.answers if status < 300]
        yield Provocation(operation.name, status, None, "", valid(operation.name))


def strangers() -> Iterator[Provocation]:
    """Call each operation for admins without a token."""
    for operation in CONTRACT.operations:
        documented = operation.answers.get(401)
        if documented and "UNAUTHORIZED" in documented.codes:
            yield Provocation(operation.name, 401, "UNAUTHORIZED", "", without_token(operation.name))


def absences() -> Iterator[Provocation]:
    """Name something unknown in each place of each address."""
    for operation in CONTRACT.operations:
        for name, code in (
            ("eventId", "EVENT_NOT_FOUND"),
            ("eventSlug", "EVENT_NOT_FOUND"),
            ("lessonId", "LESSON_NOT_FOUND"),
            ("lessonSlug", "LESSON_NOT_FOUND"),
            ("quizId", "QUIZ_NOT_FOUND"),
        ):
            if f"{{{name}}}" in operation.path:
                provoke = valid(operation.name, ids={name: UNKNOWN})
                yield Provocation(operation.name, 404, code, f"unknown {name}", provoke)


def closed_lessons() -> Iterator[Provocation]:
    """Ask for a lesson that does not open for this learner now."""
    for operation in OPENED_BY_TIME:
        for case, fields in CLOSED.items():
            yield Provocation(operation, 403, "LESSON_ACCESS_DENIED", case, with_lesson(operation, fields))
        blocked = in_private_event(operation)
        yield Provocation(operation, 403, "LESSON_ACCESS_DENIED", "blocked_private", blocked)
    yield Provocation(CATALOG, 403, "EVENT_ACCESS_DENIED", "blocked_private", in_private_event(CATALOG))


def particular() -> Iterator[Provocation]:
    """Send a body that each operation refuses, for each documented reason."""
    invalid, missing = "VALIDATION_ERROR", "QUIZ_MISSING_CORRECT_OPTION"
    bodies: tuple[tuple[str, int, str, Callable[[Scene], Any]], ...] = (
        (LOGIN, 400, invalid, lambda _: {"username": "admin"}),
        (LOGIN, 401, "INVALID_CREDENTIALS", lambda _: {**ADMIN, "password": "not the password"}),
        ("POST /api/events", 400, invalid, lambda _: event_body(title="ab")),
        ("POST /api/events", 409, "EVENT_SLUG_CONFLICT", lambda scene: event_body(slug=scene.event["slug"])),
        (f"PUT {EVENT}", 400, invalid, lambda _: {}),
        (f"PUT {EVENT}", 409, "EVENT_SLUG_CONFLICT", lambda scene: {"slug": new_event(scene.admin)["slug"]}),
        (BRANDING, 400, invalid, lambda _: {"prompt": "short"}),
        # No key of a provider is set.
        (BRANDING, 502, "BRANDING_PROVIDER_FAILED", lambda _: {"prompt": "Bread and butter", "fallbackOnError": False}),
        (f"POST {LESSONS}", 400, invalid, lambda _: lesson_body(releaseAt="tomorrow")),
        (f"POST {LESSONS}", 400, "LESSON_INVALID_WINDOW", lambda _: lesson_body(**BACKWARDS)),
        (f"POST {LESSONS}", 409, "LESSON_SLUG_CONFLICT", lambda scene: lesson_body(slug=scene.lesson["slug"])),
        (f"PUT {LESSON}", 400, invalid, lambda _: {}),
        (f"PUT {LESSON}", 400, "LESSON_INVALID_WINDOW", lambda _: BACKWARDS),
        (f"PUT {LESSON}", 409, "LESSON_SLUG_CONFLICT", lambda scene: {"slug": scene.bare_lesson["slug"]}),
        (f"POST {MATERIALS}", 400, invalid, lambda _: {"files": []}),
        ("POST /api/quizzes", 400, invalid, new_quiz_with(questions=[])),
        ("POST /api/quizzes", 400, missing, new_quiz_with(questions=NO_RIGHT_OPTION)),
        ("POST /api/quizzes", 404, "EVENT_NOT_FOUND", new_quiz_with(eventId=UNKNOWN)),
        ("POST /api/quizzes", 404, "LESSON_NOT_FOUND", new_quiz_with(lessonId=UNKNOWN)),
        (
            "POST /api/quizzes",
            409,
            "QUIZ_LESSON_CONFLICT",
            lambda scene: new_quiz_with(lessonId=scene.lesson["id"])(scene),
        ),
        (f"PUT {QUIZ}", 400, invalid, lambda _: {"title": "Without questions"}),
        (f"PUT {QUIZ}", 400, missing, lambda _: {"title": "A quiz", "questions": NO_RIGHT_OPTION}),
        (SUBMIT, 400, invalid, lambda _: {"answers": "all of them"}),
        (SUBMIT, 400, "QUIZ_INVALID_ATTEMPT", lambda _: {"answers": [{"questionId": UNKNOWN, "optionId": UNKNOWN}]}),
        (SUBMIT, 409, "QUIZ_CHANGED", lambda _: {"answers": [], "revision": UNKNOWN}),
    )
    for operation, status, code, make in bodies:
        yield Provocation(operation, status, code, "", body(operation, make))
    for operation in (PUBLIC_QUIZ, SUBMIT):
        yield Provocation(operation, 404, "QUIZ_NOT_FOUND", "the lesson has none", with_lesson(operation, {}))


PROVOCATIONS = (*successes(), *strangers(), *absences(), *closed_lessons(), *particular())


@pytest.fixture(scope="module")
def scene(admin: httpx.Client, learner: httpx.Client) -> Scene:
    """A scene for every request that is refused."""
    return Scene(admin, learner)


@pytest.mark.parametrize("provocation", PROVOCATIONS, ids=lambda provocation: provocation.id)
def test_the_operation_gives_the_documented_response(
    admin: httpx.Client, learner: httpx.Client, scene: Scene, contract: Contract, provocation: Provocation
) -> None:
    # Only a success changes what the others share.
    response = provocation.provoke(Scene(admin, learner) if provocation.status < 300 else scene)
    contract.check(response)
    operation = contract.operation(response.request)
    assert operation is not None
    code = response.json().get("error") if response.content else None
    actual = (operation.name, response.status_code, code)
    assert actual == (provocation.operation, provocation.status, provocation.code), response.text


def test_every_documented_response_and_error_code_is_provoked() -> None:
    documented = {
        (operation.name, status, code)
        for operation in CONTRACT.operations
        for status, answer in operation.answers.items()
        for code in answer.codes or {None}
    }
    # test_behaviour_branding.py: only a provider takes so long that the event can change meanwhile.
    documented -= {(BRANDING, 409, None)}
    assert documented == {(each.operation, each.status, each.code) for each in PROVOCATIONS}
    blocking = {(each.operation, each.case) for each in PROVOCATIONS if each.code == "LESSON_ACCESS_DENIED"}
    reasons = (*CLOSED, "blocked_private")
    assert blocking == {(operation, reason) for operation in OPENED_BY_TIME for reason in reasons}


def test_a_response_that_the_contract_does_not_document_is_refused(contract: Contract) -> None:
    request = httpx.Request("GET", "http://flix.test/api/events")
    headers = {"X-Request-ID": "one"}
    error = {"message": "", "requestId": "one"}
    undocumented = {
        "GET /api/events documents no 202": (202, {"items": []}, headers),
        "$.items[0]: 'title' is a required property": (200, {"items": [{"id": unique("event")}]}, headers),
        "has no X-Request-ID": (404, {**error, "error": "EVENT_NOT_FOUND"}, {}),
        "has another id in its header: one": (401, {**error, "error": "UNAUTHORIZED", "requestId": "two"}, headers),
    }
    for complaint, (status, document, sent_headers) in undocumented.items():
        with pytest.raises(AssertionError) as raised:
            contract.check(httpx.Response(status, json=document, headers=sent_headers, request=request))
        assert str(raised.value).split(" - ")[-1].split(";")[0] == complaint
