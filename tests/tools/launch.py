"""A launch by a generated client: run with its folder on the path and the address of an installation."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

# Made by openapi-python-client when the test runs.
from flix_client import AuthenticatedClient, Client  # type: ignore[import-not-found]
from flix_client.api.auth import login  # type: ignore[import-not-found]
from flix_client.api.events import create_event  # type: ignore[import-not-found]
from flix_client.api.lessons import create_lesson  # type: ignore[import-not-found]
from flix_client.api.public import get_catalog, get_playback, submit_quiz  # type: ignore[import-not-found]
from flix_client.api.quizzes import create_quiz  # type: ignore[import-not-found]
from flix_client.models import (  # type: ignore[import-not-found]
    AccessRequest,
    Credentials,
    EventSlugConflictOrIdempotencyKeyInFlight,
    LessonAccessDenied,
    NewEvent,
    NewLesson,
    NewQuiz,
    SubmitQuizBody,
    ValidationError,
)

KEY = "tagliatelle"
EVENT = {"title": "Pasta by Hand", "slug": "pasta-by-hand", "accessKey": KEY, "visibility": "private"}
QUESTION = {
    "prompt": "What rests in between?",
    "options": [{"text": "The dough", "isCorrect": True}, {"text": "The pot", "isCorrect": False}],
}


def main(address: str) -> None:
    """Launch an event as an admin, and come as a learner."""
    anyone = Client(address)
    session: Any = login.sync(client=anyone, body=Credentials("admin", "admin123"))
    admin = AuthenticatedClient(address, session.access_token)
    event: Any = create_event.sync(client=admin, body=NewEvent.from_dict(EVENT)).item
    refused = create_event.sync(client=admin, body=NewEvent.from_dict(EVENT))
    assert isinstance(refused, EventSlugConflictOrIdempotencyKeyInFlight)
    say(f"refused: {refused.error.value}")
    invalid = create_event.sync(client=admin, body=NewEvent("Pasta by Hand", "-"))
    assert isinstance(invalid, ValidationError)
    fields = ", ".join(invalid.details.field_errors.additional_properties)
    say(f"the slug is wrong: {invalid.error.value}, fields: {fields}")

    opened = datetime.now(UTC) - timedelta(minutes=1)
    lesson: Any = create_lesson.sync(
        event.id, client=admin, body=NewLesson("Rolling Out", "rolling-out", opened, video_id="aqz-KE-bpKQ")
    ).item
    quiz = {"eventId": event.id, "lessonId": lesson.id, "title": "Before you roll", "questions": [QUESTION]}
    question: Any = create_quiz.sync(client=admin, body=NewQuiz.from_dict(quiz)).item.questions[0]

    closed = get_playback.sync(event.slug, lesson.slug, client=anyone)
    assert isinstance(closed, LessonAccessDenied)
    say(f"closed: {closed.error.value}, status: {closed.status.value}")
    key = AccessRequest(KEY)
    catalog: Any = get_catalog.sync(event.slug, client=anyone, body=key)
    say(f"open: {catalog.catalog.items[0].title}")
    playback: Any = get_playback.sync(event.slug, lesson.slug, client=anyone, body=key)
    say(f"plays: {playback.player.embed_url}")
    answers = [{"questionId": question.id, "optionId": question.options[0].id}]
    body = SubmitQuizBody.from_dict({"eventAccessKey": KEY, "answers": answers})
    result: Any = submit_quiz.sync(event.slug, lesson.slug, client=anyone, body=body).result
    say(f"{result.status.value}: {result.score_percentage}")


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main(sys.argv[1])
