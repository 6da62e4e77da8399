"""What the old server answered to learners, from its file alone: written from BEHAVIOUR.md and the contract.

It shares no code with the services, so that a mistake of theirs is not repeated here. What BEHAVIOUR.md calls
tightened is taken as it is now. The moment comes from the answer that is compared, since an answer depends on it.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Answer = tuple[int, Document]

MESSAGES = {
    "released": "Lesson is available",
    "locked": "Lesson is not released yet",
    "expired": "Lesson access has expired",
    "blocked_private": "Private event access is required",
}
EMBED = {
    "youtube": "https://www.youtube-nocookie.com/embed/",
    "vimeo": "https://player.vimeo.com/video/",
    "gemini_stream": "https://stream.gemini.google/embed/",
}
CONSTRAINTS = {
    "allowedDomains": ["flix.app", "www.flix.app"],
    "disableDownload": True,
    "disablePictureInPicture": False,
    "referrerPolicy": "strict-origin-when-cross-origin",
}


class OldServer:
    """Answers as the old one did from this file, at a moment in the wire's form."""

    def __init__(self, file: Path):
        self._connection = sqlite3.connect(file)
        self._connection.row_factory = sqlite3.Row

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def catalog(self, event_slug: str, key: str | None, at: str) -> Answer:
        """POST .../catalog."""
        event = self._one("SELECT * FROM events WHERE slug = ?", event_slug)
        if event is None:
            return 404, {"error": "EVENT_NOT_FOUND"}
        if not _opens(event, key):
            return 403, _denied("EVENT_ACCESS_DENIED", "blocked_private")
        items = [_catalog_item(lesson, at) for lesson in self._lessons(event)]
        catalog = {"items": items, "isEmpty": not items}
        return 200, {"event": _event(event), "catalog": catalog, "serverTime": at}

    def access_check(self, event_slug: str, lesson_slug: str, key: str | None, at: str) -> Answer:
        """POST .../access-check."""
        status, lesson = self._access(event_slug, lesson_slug, key, at)
        if status.isupper():
            return 404, {"error": status}
        timing = {"releaseAt": None, "expiresAt": None, "unlocksInSeconds": None, "serverTime": at}
        if lesson is not None:
            missing = (_parsed(lesson["release_at"]) - _parsed(at)).total_seconds()
            timing |= _window(lesson) | {"unlocksInSeconds": max(0, -int(-missing // 1))}
        return 200, {
            "authorized": status == "released",
            "status": status,
            "message": MESSAGES[status],
            "serverTime": at,
            "timing": timing,
        }

    def playback(self, event_slug: str, lesson_slug: str, key: str | None, at: str) -> Answer:
        """POST .../playback."""
        refusal, lesson = self._opened(event_slug, lesson_slug, key, at)
        if refusal:
            return refusal
        event = self._one("SELECT * FROM events WHERE slug = ?", event_slug)
        lessons = self._lessons(event)
        place = [each["id"] for each in lessons].index(lesson["id"])
        neighbours = {
            "previous": _neighbour(lessons[place - 1], at) if place else None,
            "next": _neighbour(lessons[place + 1], at) if place + 1 < len(lessons) else None,
        }
        player = {
            "provider": lesson["video_provider"],
            "videoId": lesson["video_id"],
            "embedUrl": EMBED[lesson["video_provider"]] + lesson["video_id"],
            "constraints": CONSTRAINTS,
        }
        shown = {name: lesson[name] for name in ("id", "slug", "title")}
        video = {"videoProvider": lesson["video_provider"], "videoId": lesson["video_id"]}
        return 200, {"player": player, "lesson": shown | video | _window(lesson), "navigation": neighbours}

    def materials(self, event_slug: str, lesson_slug: str, key: str | None, at: str) -> Answer:
        """POST .../materials."""
        refusal, lesson = self._opened(event_slug, lesson_slug, key, at)
        if refusal:
            return refusal
        rows = self._all("SELECT * FROM materials WHERE lesson_id = ? ORDER BY rowid", lesson["id"])
        items = [
            {
                "id": row["id"],
                "eventId": row["event_id"],
                "lessonId": row["lesson_id"],
                "fileName": row["file_name"],
                "mimeType": row["mime_type"],
                "sizeBytes": row["size_bytes"],
                "downloadUrl": row["download_url"],
                "createdAt": _wire(row["created_at"]),
            }
            for row in rows
        ]
        return 200, {"items": items}

    def quiz(self, event_slug: str, lesson_slug: str, key: str | None, at: str) -> Answer:
        """POST .../quiz."""
        refusal, lesson = self._opened(event_slug, lesson_slug, key, at)
        quiz = None if refusal else self._one("SELECT * FROM quizzes WHERE lesson_id = ?", lesson["id"])
        if refusal or quiz is None:
            return refusal or (404, {"error": "QUIZ_NOT_FOUND"})
        questions = [
            {
                "id": question["id"],
                "prompt": question["prompt"],
                "order": question["display_order"],
                "options": [{"id": option["id"], "text": option["text"]} for option in self._options(question)],
            }
            for question in self._questions(quiz)
        ]
        head = {
            "id": quiz["id"],
            "eventId": quiz["event_id"],
            "lessonId": quiz["lesson_id"],
            "title": quiz["title"],
            "passPercentage": quiz["pass_percentage"],
            "createdAt": _wire(quiz["created_at"]),
            "updatedAt": _wire(quiz["updated_at"]),
        }
        return 200, {"item": head | {"questions": questions}}

    def submit(
        self, event_slug: str, lesson_slug: str, key: str | None, at: str, answers: Sequence[Mapping[str, str]]
    ) -> Answer:
        """POST .../quiz/submit."""
        status, document = self.quiz(event_slug, lesson_slug, key, at)
        if status != 200:
            return status, document
        quiz = document["item"]
        _, lesson = self._opened(event_slug, lesson_slug, key, at)
        chosen = {answer["questionId"]: answer["optionId"] for answer in answers}
        graded = [self._graded(question, chosen.get(question["id"])) for question in quiz["questions"]]
        correct = sum(each["isCorrect"] for each in graded)
        score = int(correct / len(graded) * 100 + 0.5)
        passed = score >= quiz["passPercentage"]
        return 200, {
            "lesson": {name: lesson[name] for name in ("id", "slug", "title")},
            "quiz": {"id": quiz["id"], "title": quiz["title"]},
            "result": {
                "quizId": quiz["id"],
                "totalQuestions": len(graded),
                "answeredQuestions": len(answers),
                "correctAnswers": correct,
                "scorePercentage": score,
                "passPercentage": quiz["passPercentage"],
                "status": "passed" if passed else "failed",
                "passed": passed,
                "answers": graded,
                "submittedAt": at,
            },
        }

    def _graded(self, question: Document, option_id: str | None) -> Document:
        right = [option["id"] for option in self._options(question) if option["is_correct"]]
        is_correct = option_id in right
        return {
            "questionId": question["id"],
            "submittedOptionId": option_id,
            "correctOptionId": option_id if is_correct else right[0],
            "isCorrect": is_correct,
        }

    def _opened(self, event_slug: str, lesson_slug: str, key: str | None, at: str) -> tuple[Answer | None, Any]:
        status, lesson = self._access(event_slug, lesson_slug, key, at)
        if status.isupper():
            return (404, {"error": status}), None
        if status != "released":
            return (403, _denied("LESSON_ACCESS_DENIED", status)), None
        return None, lesson

    def _access(self, event_slug: str, lesson_slug: str, key: str | None, at: str) -> tuple[str, Any]:
        """The status, or the code of what was not found."""
        event = self._one("SELECT * FROM events WHERE slug = ?", event_slug)
        if event is None:
            return "EVENT_NOT_FOUND", None
        if not _opens(event, key):
            return "blocked_private", None
        lesson = self._one("SELECT * FROM lessons WHERE event_id = ? AND slug = ?", event["id"], lesson_slug)
        return ("LESSON_NOT_FOUND", None) if lesson is None else (_status(lesson, at), lesson)

    def _lessons(self, event: Any) -> list[Any]:
        rows = self._all("SELECT * FROM lessons WHERE event_id = ?", event["id"])
        return sorted(rows, key=lambda row: (_parsed(row["release_at"]), _parsed(row["created_at"]), row["id"]))

    def _questions(self, quiz: Any) -> list[Any]:
        return self._all("SELECT * FROM quiz_questions WHERE quiz_id = ? ORDER BY display_order", quiz["id"])

    def _options(self, question: Any) -> list[Any]:
        return self._all("SELECT * FROM quiz_options WHERE question_id = ? ORDER BY rowid", question["id"])

    def _one(self, query: str, *values: object) -> Any:
        return self._connection.execute(query, values).fetchone()

    def _all(self, query: str, *values: object) -> list[Any]:
        return self._connection.execute(query, values).fetchall()


def _parsed(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _wire(text: str) -> str:
    return _parsed(text).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _opens(event: Any, key: str | None) -> bool:
    return event["visibility"] == "public" or (event["access_key"] is not None and event["access_key"] == key)


def _denied(code: str, status: str) -> Document:
    return {"error": code, "status": status, "message": MESSAGES[status]}


def _status(lesson: Any, at: str) -> str:
    if _parsed(lesson["release_at"]) > _parsed(at):
        return "locked"
    return "expired" if lesson["expires_at"] and _parsed(lesson["expires_at"]) <= _parsed(at) else "released"


def _window(lesson: Any) -> Document:
    expires_at = lesson["expires_at"]
    return {"releaseAt": _wire(lesson["release_at"]), "expiresAt": expires_at and _wire(expires_at)}


def _neighbour(lesson: Any, at: str) -> Document:
    return {"slug": lesson["slug"], "title": lesson["title"], "status": _status(lesson, at)}


def _catalog_item(lesson: Any, at: str) -> Document:
    status = _status(lesson, at)
    return {
        "id": lesson["id"],
        "slug": lesson["slug"],
        "title": lesson["title"],
        "description": lesson["description"] or "",
        "videoProvider": lesson["video_provider"],
        "videoId": lesson["video_id"] if status == "released" else None,
        **_window(lesson),
        "status": status,
    }


def _event(event: Any) -> Document:
    given = [event[name] for name in ("short_description", "description") if event[name] is not None]
    short = given[0] if given else ""
    return {
        "id": event["id"],
        "slug": event["slug"],
        "title": event["title"],
        "description": short,
        "shortDescription": short,
        "longDescription": short if event["long_description"] is None else event["long_description"],
        "visibility": event["visibility"],
        "logoUrl": event["logo_url"],
        "highlightVideoUrl": event["highlight_video_url"],
        "hero": {
            "title": event["hero_title"] or "",
            "subtitle": event["hero_subtitle"] or "",
            "ctaText": event["hero_cta_text"] or "",
        },
        "visualStyle": {
            "backgroundColor": event["background_color"] or "#111111",
            "textColor": event["text_color"] or "#f5f5f5",
            "accentColor": event["accent_color"] or "#e50914",
        },
    }
