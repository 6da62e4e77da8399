"""Auth's composition root: its parts put together, and its routes."""

import os

from services.auth.config import Settings, read_settings
from services.auth.integrity import EXAMINATION
from services.auth.migrations import MIGRATIONS
from services.auth.repository import PeeweeAuthStore
from services.auth.resources import Login, PublishedKeys
from services.auth.service import AuthService
from services.kit.audit.resource import audit_route
from services.kit.database import open_database
from services.kit.health import health_routes
from services.kit.integrity.background import integrity_route
from services.kit.integrity.soundness import SoundnessWatch
from services.kit.use_cases import UseCases
from services.kit.web import Guard, Route, WebApp, create_service_app


def create_app(settings: Settings | None = None) -> WebApp:
    """The ASGI app; without settings, those of the environment."""
    settings = settings or read_settings(os.environ)
    database = open_database(settings.database_url, "flix-auth")
    use_cases = UseCases(database, settings.threads)
    store = PeeweeAuthStore(database)
    service = AuthService(store, settings.access_token_lifetime)
    table = (
        *routes(service, use_cases),
        *health_routes(use_cases, database, MIGRATIONS),
        audit_route(settings.name, store.audit, use_cases),
        integrity_route(database, EXAMINATION),
    )
    watch = SoundnessWatch(database, MIGRATIONS, use_cases, settings.integrity_interval_seconds)
    return create_service_app(table, settings, use_cases, watch=watch)


def routes(service: AuthService, use_cases: UseCases) -> tuple[Route, ...]:
    """Every address of auth, and who may call it."""
    return (
        Route("/.well-known/jwks.json", PublishedKeys(service, use_cases), Guard.OPEN),
        Route("/internal/login", Login(service, use_cases), Guard.SERVICE),
    )
