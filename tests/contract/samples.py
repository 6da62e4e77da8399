"""What a test makes for itself through the API, and the answers that many tests expect."""

import uuid
from collections.abc import Mapping
from typing import Any

import httpx

Json = dict[str, Any]
Said = tuple[int, Any]

PAST = "2020-01-01T00:00:00.000Z"
LATER_PAST = "2021-01-01T00:00:00.000Z"
FUTURE = "2999-01-01T00:00:00.000Z"
ACCESS_KEY = "open sesame"
UNKNOWN = "no-such-thing"

NO_HERO = {"title": "", "subtitle": "", "ctaText": ""}
HERO = {"title": "Begin", "subtitle": "Today rather than tomorrow", "ctaText": "Start"}
DEFAULT_STYLE = {"backgroundColor": "#111111", "textColor": "#f5f5f5", "accentColor": "#e50914"}


def unique(word: str) -> str:
    """A slug that nothing else has."""
    return f"{word}-{uuid.uuid4().hex[:12]}"


def event_body(**fields: Any) -> Json:
    """A new public event."""
    return {"title": "An event", "slug": unique("event"), "visibility": "public", **fields}


def lesson_body(**fields: Any) -> Json:
    """A new lesson that is open."""
    return {"title": "A lesson", "slug": unique("lesson"), "releaseAt": PAST, **fields}


def file_body(**fields: Any) -> Json:
    """A file to attach."""
    address = "https://files.example/canvas.pdf"
    return {
        "fileName": "canvas.pdf",
        "mimeType": "application/pdf",
        "sizeBytes": 1024,
        "downloadUrl": address,
        **fields,
    }


def question(prompt: str, *options: tuple[str, bool], **fields: Any) -> Json:
    """A question with these options."""
    return {"prompt": prompt, "options": [{"text": text, "isCorrect": right} for text, right in options], **fields}


def questions(count: int = 2) -> list[Json]:
    """So many questions, each with a wrong option before the right one."""
    return [question(f"Question {place}?", ("wrong", False), ("right", True)) for place in range(1, count + 1)]


def new_event(admin: httpx.Client, **fields: Any) -> Json:
    """A public event, unless the fields say otherwise."""
    return created(admin.post("/api/events", json=event_body(**fields)))


def private_event(admin: httpx.Client, **fields: Any) -> Json:
    """An event behind ACCESS_KEY."""
    return new_event(admin, **{"visibility": "private", "accessKey": ACCESS_KEY, **fields})


def new_lesson(admin: httpx.Client, event: Json, **fields: Any) -> Json:
    """An open lesson, unless the fields say otherwise."""
    return created(admin.post(f"/api/events/{event['id']}/lessons", json=lesson_body(**fields)))


def new_quiz(admin: httpx.Client, lesson: Json, **fields: Any) -> Json:
    """The lesson's quiz: two questions, unless the fields say otherwise."""
    body = {"eventId": lesson["eventId"], "lessonId": lesson["id"], "title": "A quiz", "questions": questions()}
    return created(admin.post("/api/quizzes", json={**body, **fields}))


def attached(admin: httpx.Client, lesson: Json, *files: Json) -> list[Json]:
    """The files as the lesson's materials."""
    answer = admin.post(materials_address(lesson), json={"files": files or [file_body()]})
    assert answer.status_code == 201, answer.text
    return list(answer.json()["items"])


def created(answer: httpx.Response) -> Json:
    """The item of a 201."""
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["item"])


def lesson_address(lesson: Json) -> str:
    """Where admins find it."""
    return f"/api/events/{lesson['eventId']}/lessons/{lesson['id']}"


def materials_address(lesson: Json) -> str:
    """Where admins find its materials."""
    return f"{lesson_address(lesson)}/materials"


def catalog_address(event: Json) -> str:
    """Where learners find the event."""
    return f"/api/public/events/{event['slug']}/catalog"


def public_address(event: Json, lesson_slug: str, action: str) -> str:
    """Where learners do something with a lesson."""
    return f"/api/public/events/{event['slug']}/lessons/{lesson_slug}/{action}"


def chosen(quiz: Json, *rights: bool | None) -> list[Json]:
    """Answers to the quiz's questions in order: True a right one, False a wrong one, None none."""
    return [
        {
            "questionId": question["id"],
            "optionId": next(option["id"] for option in question["options"] if option["isCorrect"] is right),
        }
        for question, right in zip(quiz["questions"], rights, strict=True)
        if right is not None
    ]


def said(answer: httpx.Response) -> Said:
    """The status and the whole body; of an error without its requestId, which must be that of the header."""
    body: Any = answer.json() if answer.content else None
    if answer.status_code >= 400:
        assert body.pop("requestId") == answer.headers["X-Request-ID"]
    return answer.status_code, body


def refused(status: int, code: str, message: str, /, **more: Any) -> Said:
    """What `said` gives for an error."""
    return status, {"error": code, "message": message, **more}


def invalid(fields: Mapping[str, list[str]] | None = None, form: list[str] | None = None) -> Said:
    """What `said` gives for a VALIDATION_ERROR of these fields."""
    details = {"formErrors": form or [], "fieldErrors": dict(fields or {})}
    return refused(400, "VALIDATION_ERROR", "The request is not valid", details=details)


def denied(status: str, code: str = "LESSON_ACCESS_DENIED") -> Said:
    """What `said` gives for a learner who is not let in."""
    messages = {
        "locked": "Lesson is not released yet",
        "expired": "Lesson access has expired",
        "blocked_private": "Private event access is required",
    }
    return refused(403, code, messages[status], status=status)


EVENT_NOT_FOUND = refused(404, "EVENT_NOT_FOUND", "Event not found")
LESSON_NOT_FOUND = refused(404, "LESSON_NOT_FOUND", "Lesson not found")
QUIZ_NOT_FOUND = refused(404, "QUIZ_NOT_FOUND", "Quiz not found")
NOT_FOUND = refused(404, "NOT_FOUND", "There is nothing at this address")
UNAUTHORIZED = refused(401, "UNAUTHORIZED", "A valid bearer token is required")
FORBIDDEN = refused(403, "FORBIDDEN", "This is not allowed")
METHOD_NOT_ALLOWED = refused(405, "METHOD_NOT_ALLOWED", "This address does not take that method")
NOT_JSON = refused(415, "REQUEST_ERROR", "The body must be application/json")
TOO_LARGE = refused(413, "PAYLOAD_TOO_LARGE", "The body is larger than 1 MiB")
INVALID_WINDOW = refused(400, "LESSON_INVALID_WINDOW", "expiresAt must be later than releaseAt")
