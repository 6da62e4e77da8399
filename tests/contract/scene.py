"""An event with all that belongs to it, and every operation of gateway/openapi.yaml called on it."""

from collections.abc import Mapping
from typing import Any

import httpx
import yaml

from tests.contract.openapi import GATEWAY, METHODS
from tests.contract.people import OWN, USERS, a_name, invited
from tests.contract.samples import (
    Json,
    attached,
    chosen,
    event_body,
    file_body,
    lesson_body,
    new_event,
    new_lesson,
    new_quiz,
    questions,
)
from tests.installation import ADMIN

EVENT = "/api/events/{eventId}"
ACCESS = f"POST {EVENT}/access"
BRANDING = f"POST {EVENT}/branding/generate"
LESSONS = EVENT + "/lessons"
LESSON = LESSONS + "/{lessonId}"
MATERIALS = LESSON + "/materials"
QUIZ = "/api/quizzes/{quizId}"
PUBLIC_EVENT = "/api/public/events/{eventSlug}"
CATALOG = f"POST {PUBLIC_EVENT}/catalog"
ACCESS_CHECK, PLAYBACK, PUBLIC_MATERIALS, PUBLIC_QUIZ, SUBMIT = (
    f"POST {PUBLIC_EVENT}/lessons/{{lessonSlug}}/{action}"
    for action in ("access-check", "playback", "materials", "quiz", "quiz/submit")
)
# Whether each operation of the document that takes a body needs one.
NEEDS_BODY: Mapping[str, bool] = {
    f"{method.upper()} {path}": bool(item[method]["requestBody"].get("required"))
    for path, item in yaml.safe_load(GATEWAY.read_text())["paths"].items()
    for method in METHODS
    if "requestBody" in item.get(method, {})
}


def is_for_learners(operation: str) -> bool:
    """Tell whether the operation names its event by the slug, and needs no token."""
    return "/api/public" in operation or operation == ACCESS


class Scene:
    """A lesson with a material and a quiz, a lesson without, and a person who was invited."""

    def __init__(self, admin: httpx.Client, learner: httpx.Client, **event: Any):
        self.admin, self.learner = admin, learner
        # Its responses are long and not judged: they are compared with themselves only.
        # An idle connection would keep a stopping server waiting.
        headers = {**admin.headers, "Connection": "close"}
        self._owner = httpx.Client(base_url=admin.base_url, headers=headers, timeout=60, trust_env=False, verify=False)
        self.event = new_event(admin, **event)
        self.lesson, self.bare_lesson = new_lesson(admin, self.event), new_lesson(admin, self.event)
        self.quiz = new_quiz(admin, self.lesson)
        (self.material,) = attached(admin, self.lesson)
        self.person = invited(admin, "viewer")["item"]
        self.ids = {
            "eventId": self.event["id"],
            "lessonId": self.lesson["id"],
            "materialId": self.material["id"],
            "quizId": self.quiz["id"],
            "userId": self.person["id"],
            "eventSlug": self.event["slug"],
            "lessonSlug": self.lesson["slug"],
        }

    def request(
        self, operation: str, client: httpx.Client | None = None, ids: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """Call the operation on this scene, except where `ids` name others: as a learner or as an admin."""
        method, path = operation.split(" ")
        own = {**self.ids, **(ids or {})}
        if operation == ACCESS:
            own["eventId"] = own["eventSlug"]
        default = self.learner if is_for_learners(operation) else self.admin
        return (client or default).request(method, path.format(**own), **options)

    def valid_body(self, operation: str) -> Json | None:
        """Return a body that the operation accepts and acts on; None where it needs none."""
        place = {"eventId": self.event["id"], "lessonId": self.bare_lesson["id"]}
        bodies: dict[str, Json] = {
            "POST /api/admin/login": ADMIN,
            "POST /api/admin/token/refresh": {"refreshToken": "x" * 43},
            "POST /api/admin/me/password": {"currentPassword": OWN, "newPassword": "seven ships sail on sand"},
            f"POST {USERS}": {"username": a_name(), "role": "owner"},
            f"PUT {USERS}/{{userId}}": {"role": "owner"},
            "POST /api/events": event_body(),
            f"PUT {EVENT}": {"title": "Another title", "visibility": "public"},
            BRANDING: {"prompt": "Bread for beginners, warm and rustic"},
            f"POST {LESSONS}": lesson_body(),
            f"PUT {LESSON}": {"title": "Another title"},
            f"POST {MATERIALS}": {"files": [file_body()]},
            "POST /api/quizzes": {**place, "title": "A quiz", "questions": questions()},
            f"PUT {QUIZ}": {"title": "Another quiz", "questions": questions(3)},
            SUBMIT: {"answers": chosen(self.quiz, True, False)},
        }
        return bodies.get(operation)

    def state(self) -> list[str]:
        """Return all that a wrong request could have changed, as an owner sees it."""
        addresses = (
            f"/api/events/{self.event['id']}",
            f"/api/events/{self.event['id']}/lessons",
            f"/api/events/{self.event['id']}/lessons/{self.lesson['id']}/materials",
            f"/api/quizzes/{self.quiz['id']}",
            f"/api/quizzes/{self.quiz['id']}/attempts",
            USERS,
            "/api/events",
            "/api/quizzes",
        )
        return [self._owner.get(address).text for address in addresses]
