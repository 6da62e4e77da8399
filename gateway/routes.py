"""Every public address: who may call it, and who answers each of its methods."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from gateway import views
from gateway.upstream import Answer
from services.kit.web import Guard

View = Callable[..., Awaitable[Answer]]


class To(Enum):
    """The service that a request is passed on to as it is."""

    CONTENT = "content"
    QUIZ = "quiz"


@dataclass(frozen=True)
class PublicRoute:
    """A public address; each method is passed on to a service or answered by a view."""

    path: str
    guard: Guard
    methods: Mapping[str, To | View]


EVENT = "/api/events/{event_id}"
LESSON = EVENT + "/lessons/{lesson_id}"
PUBLIC_LESSON = "/api/public/events/{event_slug}/lessons/{lesson_slug}"

PUBLIC_ROUTES = (
    PublicRoute("/api/admin/login", Guard.OPEN, {"POST": views.login}),
    PublicRoute("/api/admin/dashboard/operational-snapshot", Guard.ADMIN, {"GET": To.CONTENT}),
    PublicRoute("/api/admin/integrity", Guard.ADMIN, {"GET": views.integrity}),
    PublicRoute("/api/events", Guard.ADMIN, {"GET": To.CONTENT, "POST": To.CONTENT}),
    PublicRoute(EVENT, Guard.ADMIN, {"GET": To.CONTENT, "PUT": To.CONTENT, "DELETE": views.delete_event}),
    PublicRoute(EVENT + "/lessons", Guard.ADMIN, {"GET": To.CONTENT, "POST": To.CONTENT}),
    PublicRoute(LESSON, Guard.ADMIN, {"GET": To.CONTENT, "PUT": To.CONTENT, "DELETE": views.delete_lesson}),
    PublicRoute(LESSON + "/materials", Guard.ADMIN, {"GET": To.CONTENT, "POST": To.CONTENT}),
    PublicRoute(LESSON + "/materials/{material_id}", Guard.ADMIN, {"DELETE": To.CONTENT}),
    PublicRoute("/api/quizzes", Guard.ADMIN, {"GET": To.QUIZ, "POST": To.QUIZ}),
    PublicRoute("/api/quizzes/{quiz_id}", Guard.ADMIN, {"GET": To.QUIZ, "PUT": To.QUIZ, "DELETE": To.QUIZ}),
    PublicRoute("/api/quizzes/{quiz_id}/attempts", Guard.ADMIN, {"GET": To.QUIZ}),
    PublicRoute("/api/public/events", Guard.OPEN, {"GET": views.public_events}),
    PublicRoute("/api/public/events/{event_slug}/catalog", Guard.OPEN, {"POST": views.catalog}),
    PublicRoute(PUBLIC_LESSON + "/access-check", Guard.OPEN, {"POST": views.access_check}),
    PublicRoute(PUBLIC_LESSON + "/playback", Guard.OPEN, {"POST": views.playback}),
    PublicRoute(PUBLIC_LESSON + "/materials", Guard.OPEN, {"POST": views.materials}),
    PublicRoute(PUBLIC_LESSON + "/quiz", Guard.OPEN, {"POST": views.quiz}),
    PublicRoute(PUBLIC_LESSON + "/quiz/submit", Guard.OPEN, {"POST": views.submit_quiz}),
)
