"""Auth's composition root: its parts put together, and its routes."""

import os
from typing import Any

from services.auth.config import Settings, read_settings
from services.auth.integrity import EXAMINATION
from services.auth.migrations import MIGRATIONS
from services.auth.repository import PeeweeAuthStore
from services.auth.resources import Hashing, keys, people, sign_in
from services.auth.service import AuthService
from services.kit.database import open_database
from services.kit.health import health_routes
from services.kit.integrity.background import integrity_route
from services.kit.integrity.soundness import SoundnessWatch
from services.kit.tokens import AccessTokenVerifier
from services.kit.use_cases import UseCases
from services.kit.web import Guard, Route, WebApp, create_service_app


def create_app(settings: Settings | None = None) -> WebApp:
    """The ASGI app; without settings, those of the environment."""
    settings = settings or read_settings(os.environ)
    database = open_database(settings.database_url, "flix-auth")
    use_cases = UseCases(database, settings.threads)
    service = AuthService(PeeweeAuthStore(database), settings.access_token_lifetime)
    table = (
        *routes(service, use_cases),
        *health_routes(use_cases, database, MIGRATIONS),
        integrity_route(database, EXAMINATION),
    )
    watch = SoundnessWatch(database, MIGRATIONS, use_cases, settings.integrity_interval_seconds)
    return create_service_app(table, settings, use_cases, own_verifier(service, use_cases, settings.name), watch)


def routes(service: AuthService, use_cases: UseCases) -> tuple[Route, ...]:
    """Every address of auth, and who may call it."""
    hashing = Hashing(use_cases)
    return (
        Route("/.well-known/jwks.json", keys.PublishedKeys(service, use_cases), Guard.OPEN),
        Route("/internal/login", sign_in.Login(service, use_cases, hashing), Guard.SERVICE),
        Route("/api/admin/users", people.People(service, use_cases, hashing), Guard.OWNER),
        Route("/api/admin/users/{user_id}", people.Person(service, use_cases), Guard.OWNER),
        Route("/api/admin/users/{user_id}/password", people.PersonPassword(service, use_cases, hashing), Guard.OWNER),
    )


def own_verifier(service: AuthService, use_cases: UseCases, name: str) -> AccessTokenVerifier:
    """Verifies the tokens that auth itself has signed, without asking over HTTP for its own keys."""

    async def fetch_keys() -> Any:
        return await use_cases.run(service.keys.published)

    return AccessTokenVerifier(fetch_keys, name)
