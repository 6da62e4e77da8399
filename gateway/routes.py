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
    """A public address: who may call each of its methods, and which service or view answers it."""

    path: str
    methods: Mapping[str, tuple[Guard, To | View]]

    @property
    def guards(self) -> Mapping[str, Guard]:
        """Who may call each method."""
        return {method: guard for method, (guard, _target) in self.methods.items()}


OPEN, VIEWER, EDITOR, OWNER = Guard.OPEN, Guard.VIEWER, Guard.EDITOR, Guard.OWNER

EVENT = "/api/events/{event_id}"
LESSON = EVENT + "/lessons/{lesson_id}"
PUBLIC_LESSON = "/api/public/events/{event_slug}/lessons/{lesson_slug}"

PUBLIC_ROUTES = (
    PublicRoute("/api/admin/login", {"POST": (OPEN, views.login)}),
    PublicRoute("/api/admin/dashboard/operational-snapshot", {"GET": (VIEWER, To.CONTENT)}),
    PublicRoute("/api/admin/integrity", {"GET": (VIEWER, views.integrity)}),
    PublicRoute("/api/events", {"GET": (VIEWER, To.CONTENT), "POST": (EDITOR, To.CONTENT)}),
    PublicRoute(
        EVENT, {"GET": (VIEWER, To.CONTENT), "PUT": (EDITOR, To.CONTENT), "DELETE": (EDITOR, views.delete_event)}
    ),
    PublicRoute(EVENT + "/lessons", {"GET": (VIEWER, To.CONTENT), "POST": (EDITOR, To.CONTENT)}),
    PublicRoute(
        LESSON, {"GET": (VIEWER, To.CONTENT), "PUT": (EDITOR, To.CONTENT), "DELETE": (EDITOR, views.delete_lesson)}
    ),
    PublicRoute(LESSON + "/materials", {"GET": (VIEWER, To.CONTENT), "POST": (EDITOR, To.CONTENT)}),
    PublicRoute(LESSON + "/materials/{material_id}", {"DELETE": (EDITOR, To.CONTENT)}),
    PublicRoute("/api/quizzes", {"GET": (VIEWER, To.QUIZ), "POST": (EDITOR, To.QUIZ)}),
    PublicRoute(
        "/api/quizzes/{quiz_id}", {"GET": (VIEWER, To.QUIZ), "PUT": (EDITOR, To.QUIZ), "DELETE": (EDITOR, To.QUIZ)}
    ),
    PublicRoute("/api/quizzes/{quiz_id}/attempts", {"GET": (VIEWER, To.QUIZ)}),
    PublicRoute("/api/public/events", {"GET": (OPEN, views.public_events)}),
    PublicRoute("/api/public/events/{event_slug}/catalog", {"POST": (OPEN, views.catalog)}),
    PublicRoute(PUBLIC_LESSON + "/access-check", {"POST": (OPEN, views.access_check)}),
    PublicRoute(PUBLIC_LESSON + "/playback", {"POST": (OPEN, views.playback)}),
    PublicRoute(PUBLIC_LESSON + "/materials", {"POST": (OPEN, views.materials)}),
    PublicRoute(PUBLIC_LESSON + "/quiz", {"POST": (OPEN, views.quiz)}),
    PublicRoute(PUBLIC_LESSON + "/quiz/submit", {"POST": (OPEN, views.submit_quiz)}),
)
