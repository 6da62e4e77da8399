"""The quiz app over fakes, and a client of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import peewee

from services.kit.core.errors import ServiceError
from services.kit.core.instants import now
from services.kit.storage.database import open_database
from services.kit.storage.service_app import create_service_app
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import WebApp
from services.kit.web.tokens.access import AccessTokenVerifier
from services.kit.web.tokens.service import issue_service_token
from services.quiz.app import routes
from services.quiz.config import read_settings
from services.quiz.following import Follower
from services.quiz.repository.contracts import QuizStore
from services.quiz.service.quiz import QuizService
from tests.app_client import Client
from tests.clock import LATER, NOON, StoppedClock
from tests.content.memory import InMemoryContentStore
from tests.kit.forging import SECRET, Forge, nothing_revoked
from tests.quiz.in_process import ContentInProcess

FORGE = Forge()
SETTINGS = read_settings({"SERVICE_TOKEN_SECRET": SECRET})


def service_token(audience: str = "quiz", secret: str = SECRET) -> str:
    """The gateway's token."""
    return issue_service_token(secret, "gateway", audience, now())


class LessonsOfContent:
    """Content: it has every lesson until it refuses."""

    refusal: ServiceError | None = None

    def require(self, event_id: str, lesson_id: str) -> None:
        if self.refusal is not None:
            raise self.refusal


def quiz_app(
    store: QuizStore,
    lessons: LessonsOfContent,
    content: InMemoryContentStore | None = None,
    database: peewee.Database | None = None,
) -> WebApp:
    """Return the app over that store, a minute after noon."""

    async def fetch_keys() -> Any:
        return FORGE.key_set()

    use_cases = UseCases(database or open_database("sqlite:////nowhere/quiz.sqlite"), threads=2)
    follower = Follower(store, ContentInProcess(content or InMemoryContentStore()))
    table = routes(QuizService(store, lessons.require, StoppedClock(LATER)), follower, use_cases)
    verifier = AccessTokenVerifier(fetch_keys, "quiz", nothing_revoked, lambda: NOON)
    return create_service_app(table, SETTINGS, use_cases, verifier)


@contextmanager
def quiz_client(
    store: QuizStore,
    lessons: LessonsOfContent,
    content: InMemoryContentStore | None = None,
    database: peewee.Database | None = None,
) -> Iterator[Client]:
    """Start the app over that store, and yield a client of it."""
    with Client.of(quiz_app(store, lessons, content, database)) as client:
        yield client
