"""Every public address: who may call it, and who answers each of its methods."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from gateway.upstream import Answer
from gateway.views import deletions, learners, reports, sessions
from services.kit.web.guards import Guard

View = Callable[..., Awaitable[Answer]]


class To(Enum):
    """The service that a request is passed on to as it is."""

    CONTENT = "content"
    QUIZ = "quiz"
    AUTH = "auth"


@dataclass(frozen=True)
class PublicRoute:
    """A public address: who may call each of its methods, and which service or view answers it.

    `event_slug` is the part of the path that names the event whose access key the body may carry; guesses.py counts
    the wrong ones.
    """

    path: str
    methods: Mapping[str, tuple[Guard, To | View]]
    event_slug: str | None = None

    @property
    def guards(self) -> Mapping[str, Guard]:
        """Who may call each method."""
        return {method: guard for method, (guard, _target) in self.methods.items()}


OPEN, VIEWER, EDITOR, OWNER = Guard.OPEN, Guard.VIEWER, Guard.EDITOR, Guard.OWNER

EVENT = "/api/events/{event_id}"
LESSON = EVENT + "/lessons/{lesson_id}"
PUBLIC_EVENT = "/api/public/events/{event_slug}"
PUBLIC_LESSON = PUBLIC_EVENT + "/lessons/{lesson_slug}"

PUBLIC_ROUTES = (
    PublicRoute("/api/admin/login", {"POST": (OPEN, sessions.login)}),
    PublicRoute("/api/admin/token/refresh", {"POST": (OPEN, sessions.refresh_token)}),
    PublicRoute("/api/admin/logout", {"POST": (VIEWER, sessions.logout)}),
    PublicRoute("/api/admin/me", {"GET": (VIEWER, To.AUTH)}),
    PublicRoute("/api/admin/me/password", {"POST": (VIEWER, sessions.change_password)}),
    PublicRoute("/api/admin/dashboard/operational-snapshot", {"GET": (VIEWER, To.CONTENT)}),
    PublicRoute("/api/admin/integrity", {"GET": (VIEWER, reports.integrity)}),
    PublicRoute("/api/admin/users", {"GET": (OWNER, To.AUTH), "POST": (OWNER, To.AUTH)}),
    PublicRoute("/api/admin/users/{user_id}", {"GET": (OWNER, To.AUTH), "PUT": (OWNER, To.AUTH)}),
    PublicRoute("/api/admin/users/{user_id}/password", {"POST": (OWNER, To.AUTH)}),
    PublicRoute("/api/admin/audit", {"GET": (OWNER, reports.audit)}),
    PublicRoute("/api/events", {"GET": (VIEWER, To.CONTENT), "POST": (EDITOR, To.CONTENT)}),
    PublicRoute(
        EVENT, {"GET": (VIEWER, To.CONTENT), "PUT": (EDITOR, To.CONTENT), "DELETE": (EDITOR, deletions.delete_event)}
    ),
    PublicRoute(EVENT + "/access", {"POST": (OPEN, learners.event_access)}, "event_id"),
    PublicRoute(EVENT + "/lessons", {"GET": (VIEWER, To.CONTENT), "POST": (EDITOR, To.CONTENT)}),
    PublicRoute(
        LESSON, {"GET": (VIEWER, To.CONTENT), "PUT": (EDITOR, To.CONTENT), "DELETE": (EDITOR, deletions.delete_lesson)}
    ),
    PublicRoute(LESSON + "/materials", {"GET": (VIEWER, To.CONTENT), "POST": (EDITOR, To.CONTENT)}),
    PublicRoute(LESSON + "/materials/{material_id}", {"DELETE": (EDITOR, To.CONTENT)}),
    PublicRoute("/api/quizzes", {"GET": (VIEWER, To.QUIZ), "POST": (EDITOR, To.QUIZ)}),
    PublicRoute(
        "/api/quizzes/{quiz_id}", {"GET": (VIEWER, To.QUIZ), "PUT": (EDITOR, To.QUIZ), "DELETE": (EDITOR, To.QUIZ)}
    ),
    PublicRoute("/api/quizzes/{quiz_id}/attempts", {"GET": (VIEWER, To.QUIZ)}),
    PublicRoute("/api/public/events", {"GET": (OPEN, learners.public_events)}),
    PublicRoute(PUBLIC_EVENT + "/catalog", {"POST": (OPEN, learners.catalog)}, "event_slug"),
    PublicRoute(PUBLIC_LESSON + "/access-check", {"POST": (OPEN, learners.access_check)}, "event_slug"),
    PublicRoute(PUBLIC_LESSON + "/playback", {"POST": (OPEN, learners.playback)}, "event_slug"),
    PublicRoute(PUBLIC_LESSON + "/materials", {"POST": (OPEN, learners.materials)}, "event_slug"),
    PublicRoute(PUBLIC_LESSON + "/quiz", {"POST": (OPEN, learners.quiz)}, "event_slug"),
    PublicRoute(PUBLIC_LESSON + "/quiz/submit", {"POST": (OPEN, learners.submit_quiz)}, "event_slug"),
)
