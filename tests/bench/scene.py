"""What the bench asks about: a public and a private event of 12 lessons, with materials and a quiz."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from services.kit.core.instants import format_instant
from tests.contract.samples import attached, chosen, file_body, new_event, new_lesson, new_quiz, question
from tests.installation import Installation

Json = dict[str, Any]

ACCESS_KEY = "open sesame"
GRANTS = 1000
RELEASED, EXPIRED, LOCKED = 8, 1, 3
LESSONS = RELEASED + EXPIRED + LOCKED
MATERIALS = 3
QUESTIONS = [
    question(
        f"Which of these would you do first in step {step}?",
        ("Listen to the people who came", True),
        ("Write the page", False),
        ("Choose the colours", False),
        ("Wait for the right moment", False),
    )
    for step in range(1, 6)
]


@dataclass(frozen=True)
class Scene:
    """An event with its lessons and a quiz of the first one, as admins see them."""

    event: Json
    lessons: list[Json]
    quiz: Json

    @property
    def catalog(self) -> str:
        """The address of its catalog for learners."""
        return f"/api/public/events/{self.event['slug']}/catalog"

    def lesson(self, action: str) -> str:
        """Return the address of what learners do in its first lesson."""
        return f"/api/public/events/{self.event['slug']}/lessons/{self.lessons[0]['slug']}/{action}"

    @property
    def answers(self) -> list[Json]:
        """A learner's answers: all but the last are right."""
        return chosen(self.quiz, True, True, True, True, False)


@dataclass(frozen=True)
class Actors:
    """Who asks one stack: its events, learner grants of the private one, and the Authorization of an admin."""

    engine: str
    public: Scene
    private: Scene
    grants: list[str]
    admin: str


def new_actors(stack: Installation, engine: str) -> Actors:
    """Create the events and grants of the bench in this stack."""
    with stack.admin() as admin, stack.client() as client:
        public = new_scene(admin, "the-launch")
        private = new_scene(admin, "the-class", visibility="private", accessKey=ACCESS_KEY)
        return Actors(engine, public, private, new_grants(client, private), admin.headers["Authorization"])


def new_scene(admin: httpx.Client, slug: str, **fields: Any) -> Scene:
    """Create an event with its lessons, materials and quiz."""
    event = new_event(
        admin,
        title="From the first idea to the first hundred customers",
        slug=slug,
        shortDescription="Four weeks, twelve lessons, and a plan that you wrote yourself.",
        longDescription="What to say, to whom and when. " * 8,
        isActive=True,
        **fields,
    )
    lessons = [new_lesson(admin, event, **_lesson(place)) for place in range(LESSONS)]
    attached(admin, lessons[0], *(file_body(fileName=f"worksheet-{place}.pdf") for place in range(MATERIALS)))
    quiz = new_quiz(admin, lessons[0], title="Before you go on", questions=QUESTIONS)
    return Scene(event, lessons, quiz)


def _lesson(place: int) -> Json:
    """Return the fields of the lesson in this place: some are released, one has expired, the others are locked."""
    days = place - RELEASED - EXPIRED
    fields = {
        "title": f"Lesson {place + 1}: what to say, and to whom",
        "slug": f"lesson-{place + 1}",
        "description": "How to find the words that your customers use, and how to use them on your page.",
        "videoId": f"video-{place:05}",
        "releaseAt": _in_days(days if days < 0 else days + 1),
    }
    return {**fields, "expiresAt": _in_days(days / 2)} if place == RELEASED else fields


def _in_days(days: float) -> str:
    return format_instant(datetime.now(UTC) + timedelta(days=days))


def new_grants(client: httpx.Client, scene: Scene, number: int = GRANTS) -> list[str]:
    """Exchange the access key for this many learner grants, each with its own signature."""
    body = {"eventAccessKey": ACCESS_KEY}
    responses = [client.post(f"/api/events/{scene.event['slug']}/access", json=body) for _ in range(number)]
    return [response.raise_for_status().json()["accessToken"] for response in responses]


def peer_rows(scene: Scene) -> dict[str, list[Json]]:
    """Return the scene as rows of the peer's tables."""
    event, quiz = scene.event, scene.quiz
    options = [(each, option) for each in quiz["questions"] for option in each["options"]]
    return {
        "events": [
            _row(
                event,
                "id",
                "slug",
                "title",
                "visibility",
                description="shortDescription",
                long_description="longDescription",
            )
        ],
        "lessons": [
            _row(
                lesson,
                *("id", "slug", "title", "description"),
                event_id="eventId",
                video_provider="videoProvider",
                video_id="videoId",
                release_at="releaseAt",
                expires_at="expiresAt",
            )
            for lesson in scene.lessons
        ],
        "quizzes": [_row(quiz, "id", "title", lesson_id="lessonId", pass_percentage="passPercentage")],
        "questions": [
            {**_row(each, "id", "prompt", position="order"), "quiz_id": quiz["id"]} for each in quiz["questions"]
        ],
        "options": [
            {**_row(option, "id", "text", is_correct="isCorrect"), "question_id": each["id"], "position": place}
            for place, (each, option) in enumerate(options, 1)
        ],
    }


def _row(record: Json, *same: str, **renamed: str) -> Json:
    return {**{name: record[name] for name in same}, **{column: record[name] for column, name in renamed.items()}}
