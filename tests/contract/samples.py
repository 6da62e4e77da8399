"""Records that a test creates through the API, and responses that many tests expect."""

import uuid
from typing import Any

import httpx

from tests.refusals import REQUEST_ID, Response, refusal

Json = dict[str, Any]

PAST = "2020-01-01T00:00:00.000Z"
LATER_PAST = "2021-01-01T00:00:00.000Z"
FUTURE = "2999-01-01T00:00:00.000Z"
ACCESS_KEY = "open sesame"
UNKNOWN = "no-such-thing"

NO_HERO = {"title": "", "subtitle": "", "ctaText": ""}
HERO = {"title": "Begin", "subtitle": "Today rather than tomorrow", "ctaText": "Start"}
DEFAULT_STYLE = {"backgroundColor": "#111111", "textColor": "#f5f5f5", "accentColor": "#e50914"}


def unique(word: str) -> str:
    """Return a slug that nothing else has."""
    return f"{word}-{uuid.uuid4().hex[:12]}"


def event_body(**fields: Any) -> Json:
    """Return the body of a public event."""
    return {"title": "An event", "slug": unique("event"), "visibility": "public", **fields}


def lesson_body(**fields: Any) -> Json:
    """Return the body of an open lesson."""
    return {"title": "A lesson", "slug": unique("lesson"), "releaseAt": PAST, **fields}


def file_body(**fields: Any) -> Json:
    """Return the body of a file."""
    address = "https://files.example/canvas.pdf"
    return {
        "fileName": "canvas.pdf",
        "mimeType": "application/pdf",
        "sizeBytes": 1024,
        "downloadUrl": address,
        **fields,
    }


def question(prompt: str, *options: tuple[str, bool], **fields: Any) -> Json:
    """Return a question with these options."""
    return {"prompt": prompt, "options": [{"text": text, "isCorrect": right} for text, right in options], **fields}


def questions(count: int = 2) -> list[Json]:
    """Return this many questions, each with a wrong option before the right one."""
    return [question(f"Question {place}?", ("wrong", False), ("right", True)) for place in range(1, count + 1)]


def new_event(admin: httpx.Client, **fields: Any) -> Json:
    """Create an event, public unless the fields say otherwise."""
    return created(admin.post("/api/events", json=event_body(**fields)))


def private_event(admin: httpx.Client, **fields: Any) -> Json:
    """Create a private event with ACCESS_KEY."""
    return new_event(admin, **{"visibility": "private", "accessKey": ACCESS_KEY, **fields})


def new_lesson(admin: httpx.Client, event: Json, **fields: Any) -> Json:
    """Create a lesson, open unless the fields say otherwise."""
    return created(admin.post(f"/api/events/{event['id']}/lessons", json=lesson_body(**fields)))


def new_quiz(admin: httpx.Client, lesson: Json, **fields: Any) -> Json:
    """Create the lesson's quiz, of two questions unless the fields say otherwise."""
    body = {"eventId": lesson["eventId"], "lessonId": lesson["id"], "title": "A quiz", "questions": questions()}
    return created(admin.post("/api/quizzes", json={**body, **fields}))


def attached(admin: httpx.Client, lesson: Json, *files: Json) -> list[Json]:
    """Attach the files to the lesson."""
    response = admin.post(materials_address(lesson), json={"files": files or [file_body()]})
    assert response.status_code == 201, response.text
    return list(response.json()["items"])


def created(response: httpx.Response) -> Json:
    """Return the item of a 201."""
    assert response.status_code == 201, response.text
    return dict(response.json()["item"])


def public_event(event: Json) -> Json:
    """Return the event as learners see it."""
    texts = ("title", "description", "shortDescription", "longDescription", "visibility")
    return {name: event[name] for name in ("id", "slug", *texts, "logoUrl", "highlightVideoUrl", "hero", "visualStyle")}


def catalog_item(lesson: Json, status: str) -> Json:
    """Return the lesson as its event's catalog lists it."""
    names = ("id", "slug", "title", "description", "videoProvider", "releaseAt", "expiresAt")
    video = lesson["videoId"] if status == "released" else None
    return {**{name: lesson[name] for name in names}, "videoId": video, "status": status}


def lesson_address(lesson: Json) -> str:
    """Return the lesson's address for admins."""
    return f"/api/events/{lesson['eventId']}/lessons/{lesson['id']}"


def materials_address(lesson: Json) -> str:
    """Return the address of the lesson's materials for admins."""
    return f"{lesson_address(lesson)}/materials"


def catalog_address(event: Json) -> str:
    """Return the event's address for learners."""
    return f"/api/public/events/{event['slug']}/catalog"


def public_address(event: Json, lesson_slug: str, action: str) -> str:
    """Return the address of a learner's action on a lesson."""
    return f"/api/public/events/{event['slug']}/lessons/{lesson_slug}/{action}"


def chosen(quiz: Json, *rights: bool | None) -> list[Json]:
    """Return answers to the questions in order: True a right one, False a wrong one, None no answer."""
    return [
        {
            "questionId": question["id"],
            "optionId": next(option["id"] for option in question["options"] if option["isCorrect"] is right),
        }
        for question, right in zip(quiz["questions"], rights, strict=True)
        if right is not None
    ]


def parsed(response: httpx.Response) -> Response:
    """Return status and body; an error's requestId must equal the header's and becomes REQUEST_ID."""
    body: Any = response.json() if response.content else None
    if response.status_code >= 400:
        assert body["requestId"] == response.headers["X-Request-ID"]
        body["requestId"] = REQUEST_ID
    return Response(response.status_code, body)


MESSAGES = {
    "released": "Lesson is available",
    "locked": "Lesson is not released yet",
    "expired": "Lesson access has expired",
    "blocked_private": "Private event access is required",
}


def denied(status: str, code: str = "LESSON_ACCESS_DENIED") -> Response:
    """Return the refusal of a learner who is not let in."""
    return refusal(403, code, MESSAGES[status], status=status)


def access(
    status: str, server_time: str, release_at: str | None, expires_at: str | None, unlocks_in: int | None
) -> Response:
    """Return the response of access-check."""
    window = {"releaseAt": release_at, "expiresAt": expires_at, "unlocksInSeconds": unlocks_in}
    return Response(
        200,
        {
            "authorized": status == "released",
            "status": status,
            "message": MESSAGES[status],
            "serverTime": server_time,
            "timing": {**window, "serverTime": server_time},
        },
    )


QUIZ_NOT_FOUND = refusal(404, "QUIZ_NOT_FOUND", "Quiz not found")
INVALID_WINDOW = refusal(400, "LESSON_INVALID_WINDOW", "expiresAt must be later than releaseAt")
