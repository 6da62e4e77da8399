"""Services that end by SIGKILL when something has been created and before anybody hears of it.

`python -m tests.dying quiz` serves in the place of `python -m services.quiz serve`.
"""

import os
import signal
import sys
from typing import Any, NoReturn

import httpx

import services.auth.app
import services.auth.config
import services.content.app
import services.content.config
import services.quiz.app
import services.quiz.config
from services.auth.entities import Invitation
from services.auth.migrations import MIGRATIONS as AUTH_MIGRATIONS
from services.auth.passwords import HASHER
from services.auth.repository.store import PeeweeAuthStore
from services.auth.service.people import People
from services.auth.service.sign_in import AuthService
from services.content.entities import Event
from services.content.migrations import MIGRATIONS as CONTENT_MIGRATIONS
from services.content.repository.store import PeeweeContentStore
from services.content.service import ContentService
from services.kit.core.instants import now
from services.kit.storage.database import open_database
from services.kit.storage.health import health_routes
from services.kit.storage.service_app import create_service_app
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import WebApp
from services.kit.web.serving import serve
from services.kit.web.tokens.auth import access_token_verifier
from services.kit.web.tokens.grants import GrantVerifier
from services.quiz.content import Content
from services.quiz.entities import Submission
from services.quiz.following import Follower
from services.quiz.migrations import MIGRATIONS as QUIZ_MIGRATIONS
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service import QuizService


class DyingContent(ContentService):
    """Creates one event."""

    def create_event(self, *arguments: Any) -> Event:
        super().create_event(*arguments)
        _end()


class DyingPeople(People):
    """Invites one person."""

    def invite(self, *arguments: Any) -> Invitation:
        super().invite(*arguments)
        _end()


class DyingQuiz(QuizService):
    """Grades one submission."""

    def submit(self, *arguments: Any) -> Submission:
        super().submit(*arguments)
        _end()


def content_app() -> WebApp:
    """Content over the environment's database."""
    settings = services.content.config.read_settings(os.environ)
    database = open_database(settings.database_url)
    use_cases = UseCases(database, threads=1)
    service = DyingContent(PeeweeContentStore(database), settings.service_secret)
    verifier = access_token_verifier(settings)
    table = services.content.app.routes(service, use_cases, settings, GrantVerifier(verifier))
    health = health_routes(use_cases, database, CONTENT_MIGRATIONS)
    return create_service_app((*table, *health), settings, use_cases, verifier)


def auth_app() -> WebApp:
    """Auth over the environment's database."""
    settings = services.auth.config.read_settings(os.environ)
    database = open_database(settings.database_url)
    use_cases = UseCases(database, threads=1)
    secret, store = settings.signing_key_secret, PeeweeAuthStore(database)
    service = AuthService(store, settings.access_token_lifetime, secret)
    service.people = DyingPeople(store, service.sessions, secret, HASHER, now)
    table = services.auth.app.routes(service, use_cases)
    health = health_routes(use_cases, database, AUTH_MIGRATIONS)
    verifier = services.auth.app.verifier(service, use_cases)
    return create_service_app((*table, *health), settings, use_cases, verifier)


def quiz_app() -> WebApp:
    """Quiz over the environment's database."""
    settings = services.quiz.config.read_settings(os.environ)
    database = open_database(settings.database_url)
    use_cases = UseCases(database, threads=1)
    client = httpx.Client(base_url=settings.content_url, trust_env=False)
    content = Content(client, settings.service_secret, settings.content_timeout_seconds)
    store = PeeweeQuizStore(database)
    service = DyingQuiz(store, content.require_lesson)
    table = services.quiz.app.routes(service, Follower(store, content), use_cases)
    health = health_routes(use_cases, database, QUIZ_MIGRATIONS)
    return create_service_app((*table, *health), settings, use_cases, access_token_verifier(settings))


def _end() -> NoReturn:
    # gunicorn's master too, which leads the group: it would start another worker.
    os.killpg(os.getpgrp(), signal.SIGKILL)
    raise AssertionError("still there")


SETTINGS: dict[str, Any] = {
    "auth": services.auth.config.read_settings,
    "content": services.content.config.read_settings,
    "quiz": services.quiz.config.read_settings,
}

if __name__ == "__main__":
    serve(SETTINGS[sys.argv[1]](os.environ), f"tests.dying:{sys.argv[1]}_app()")
