"""The public addresses: who may call each method, and the service or view that responds."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.sources import Service, Source, source_of
from gateway.upstream import UpstreamResponse
from gateway.views import deletions, front, health, learners, reads, reports, sessions
from services.kit.web.guards import Guard

View = Callable[..., Awaitable[UpstreamResponse]]


@dataclass(frozen=True)
class PublicRoute:
    """A public address: who may call each method, and who answers it.

    A Service gets the client's request at the same address, with the client's token. A Source gets it at its own
    address, with a token of the gateway. A view answers by itself.

    `event_slug` is the path parameter with the slug of an event whose access key the body may carry; guesses.py limits
    wrong keys.

    `deadline_seconds` is the time that services get, where it is not GATEWAY_TIMEOUT_SECONDS.

    `is_compressed` when GET may compress: a list that may be long and holds no secret, as those of events do.
    """

    path: str
    methods: Mapping[str, tuple[Guard, Service | Source | View]]
    event_slug: str | None = None
    deadline_seconds: float | None = None
    is_compressed: bool = False

    @property
    def guards(self) -> Mapping[str, Guard]:
        """The guard of each method."""
        return {method: guard for method, (guard, _target) in self.methods.items()}

    def source(self, method: str) -> Source | None:
        """Return the service's responder that declares the method, None for a view with its own declaration."""
        _guard, target = self.methods[method]
        if isinstance(target, Source):
            return target
        return Source(target, method, self.path) if isinstance(target, Service) else source_of(target)


OPEN, VIEWER, EDITOR, OWNER = Guard.OPEN, Guard.VIEWER, Guard.EDITOR, Guard.OWNER
CONTENT, QUIZ, AUTH = Service.CONTENT, Service.QUIZ, Service.AUTH

# Auth lets a request wait for 30 s until its password is hashed.
HASHING_SECONDS = 35
# Less than graceful_timeout in deploy/gunicorn.conf.py.
GENERATION_SECONDS = 40

USER = "/api/admin/users/{user_id}"
EVENT = "/api/events/{event_id}"
LESSON = EVENT + "/lessons/{lesson_id}"
QUIZZES = "/api/quizzes"
PUBLIC_EVENTS = "/api/public/events"
PUBLIC_EVENT = PUBLIC_EVENTS + "/{event_slug}"
PUBLIC_LESSON = PUBLIC_EVENT + "/lessons/{lesson_slug}"

PUBLIC_ROUTES = (
    PublicRoute("/", {"GET": (OPEN, front.front_page)}),
    PublicRoute("/docs", {"GET": (OPEN, front.viewer)}),
    PublicRoute("/docs/{file}", {"GET": (OPEN, front.viewer_file)}),
    PublicRoute("/openapi.json", {"GET": (OPEN, front.document_json)}),
    PublicRoute("/openapi.yaml", {"GET": (OPEN, front.document_yaml)}),
    PublicRoute("/health", {"GET": (OPEN, health.health)}),
    PublicRoute("/health/live", {"GET": (OPEN, health.live)}),
    PublicRoute("/health/ready", {"GET": (OPEN, health.ready)}),
    PublicRoute("/api/admin/login", {"POST": (OPEN, sessions.login)}, deadline_seconds=HASHING_SECONDS),
    PublicRoute("/api/admin/token/refresh", {"POST": (OPEN, sessions.refresh_token)}),
    PublicRoute("/api/admin/logout", {"POST": (VIEWER, sessions.logout)}),
    PublicRoute("/api/admin/me", {"GET": (VIEWER, AUTH)}),
    PublicRoute(
        "/api/admin/me/password", {"POST": (VIEWER, sessions.change_password)}, deadline_seconds=HASHING_SECONDS
    ),
    PublicRoute("/api/admin/dashboard/operational-snapshot", {"GET": (VIEWER, CONTENT)}),
    PublicRoute("/api/admin/integrity", {"GET": (VIEWER, reports.integrity)}),
    PublicRoute("/api/admin/users", {"GET": (OWNER, AUTH), "POST": (OWNER, AUTH)}, deadline_seconds=HASHING_SECONDS),
    PublicRoute(USER, {"GET": (OWNER, AUTH), "PUT": (OWNER, AUTH)}),
    PublicRoute(USER + "/password", {"POST": (OWNER, AUTH)}, deadline_seconds=HASHING_SECONDS),
    PublicRoute("/api/admin/audit", {"GET": (OWNER, reports.audit)}, is_compressed=True),
    PublicRoute("/api/events", {"GET": (VIEWER, CONTENT), "POST": (EDITOR, CONTENT)}),
    PublicRoute(
        EVENT, {"GET": (VIEWER, CONTENT), "PUT": (EDITOR, CONTENT), "DELETE": (EDITOR, deletions.delete_event)}
    ),
    # Content asks a provider up to three times, for 9 s each.
    PublicRoute(EVENT + "/branding/generate", {"POST": (EDITOR, CONTENT)}, deadline_seconds=GENERATION_SECONDS),
    PublicRoute(EVENT + "/access-preview", {"GET": (VIEWER, CONTENT)}),
    PublicRoute(EVENT + "/access", {"POST": (OPEN, learners.event_access)}, "event_id"),
    PublicRoute(EVENT + "/lessons", {"GET": (VIEWER, CONTENT), "POST": (EDITOR, CONTENT)}, is_compressed=True),
    PublicRoute(
        LESSON, {"GET": (VIEWER, CONTENT), "PUT": (EDITOR, CONTENT), "DELETE": (EDITOR, deletions.delete_lesson)}
    ),
    PublicRoute(LESSON + "/materials", {"GET": (VIEWER, CONTENT), "POST": (EDITOR, CONTENT)}, is_compressed=True),
    PublicRoute(LESSON + "/materials/{material_id}", {"DELETE": (EDITOR, CONTENT)}),
    PublicRoute(QUIZZES, {"GET": (VIEWER, QUIZ), "POST": (EDITOR, QUIZ)}, is_compressed=True),
    PublicRoute(QUIZZES + "/{quiz_id}", {"GET": (VIEWER, QUIZ), "PUT": (EDITOR, QUIZ), "DELETE": (EDITOR, QUIZ)}),
    PublicRoute(QUIZZES + "/{quiz_id}/attempts", {"GET": (VIEWER, QUIZ)}, is_compressed=True),
    PublicRoute(PUBLIC_EVENTS, {"GET": (OPEN, Source(CONTENT, "GET", learners.PUBLIC_EVENTS))}, is_compressed=True),
    PublicRoute(PUBLIC_EVENT, {"GET": (OPEN, reads.event)}, "event_slug"),
    PublicRoute(PUBLIC_EVENT + "/calendar.ics", {"GET": (OPEN, reads.calendar)}),
    PublicRoute(
        PUBLIC_EVENT + "/catalog", {"GET": (OPEN, reads.catalog), "POST": (OPEN, learners.catalog)}, "event_slug"
    ),
    PublicRoute(
        PUBLIC_LESSON + "/access-check",
        {"GET": (OPEN, reads.access_check), "POST": (OPEN, learners.access_check)},
        "event_slug",
    ),
    PublicRoute(
        PUBLIC_LESSON + "/playback", {"GET": (OPEN, reads.playback), "POST": (OPEN, learners.playback)}, "event_slug"
    ),
    PublicRoute(
        PUBLIC_LESSON + "/materials", {"GET": (OPEN, reads.materials), "POST": (OPEN, learners.materials)}, "event_slug"
    ),
    PublicRoute(PUBLIC_LESSON + "/quiz", {"GET": (OPEN, reads.quiz), "POST": (OPEN, learners.quiz)}, "event_slug"),
    PublicRoute(PUBLIC_LESSON + "/quiz/submit", {"POST": (OPEN, learners.submit_quiz)}, "event_slug"),
)
