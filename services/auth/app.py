"""The composition root of auth: connect its parts and list its routes."""

import os
from typing import Any

from services.auth.config import Settings, read_settings
from services.auth.migrations import MIGRATIONS
from services.auth.repository.store import PeeweeAuthStore
from services.auth.resources import grants, keys, me, people, sessions, sign_in
from services.auth.resources.resource import PLACES, HashingQueue
from services.auth.service.sign_in import AuthService
from services.kit.core.instants import Clock, now
from services.kit.storage.database import open_database
from services.kit.storage.service_app import create_operated_app
from services.kit.storage.thread_pool import WAITING_LIMIT
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import WebApp
from services.kit.web.guards import Guard, Route
from services.kit.web.tokens.access import AccessTokenVerifier
from services.kit.web.tokens.revocation import Revoked


def create_app(settings: Settings | None = None) -> WebApp:
    """Return the ASGI app; without settings, read them from the environment."""
    settings = settings or read_settings(os.environ)
    database = open_database(settings.database_url, "flix-auth", create=False)
    # Each that waits to hash asks the database first: together they must not take the places of others.
    use_cases = UseCases(database, settings.threads, WAITING_LIMIT + PLACES)
    store = PeeweeAuthStore(database)
    service = AuthService(
        store,
        settings.access_token_lifetime,
        settings.signing_key_secret,
        grant_lifetime=settings.learner_grant_lifetime,
    )

    return create_operated_app(
        routes(service, use_cases),
        settings,
        database,
        MIGRATIONS,
        store.audit,
        use_cases,
        verifier(service, use_cases),
        require_ready=service.keys.require_readable,
    )


def verifier(service: AuthService, use_cases: UseCases, clock: Clock = now) -> AccessTokenVerifier:
    """Return the verifier of access tokens that are sent to auth; it reads auth's own tables."""

    async def fetch_keys() -> Any:
        return await use_cases.run(service.keys.published)

    async def revocations() -> Revoked:
        return await use_cases.run(service.revoked)

    return AccessTokenVerifier(fetch_keys, "auth", revocations, clock)


def routes(service: AuthService, use_cases: UseCases) -> tuple[Route, ...]:
    """Return the routes table: every address of auth, and who may call it."""
    parts = (service, use_cases, HashingQueue(use_cases.threads))
    return (
        Route("/.well-known/jwks.json", keys.PublishedKeys(*parts), Guard.OPEN),
        Route("/internal/grants", grants.Grants(*parts), Guard.SERVICE),
        Route("/internal/login", sign_in.Login(*parts), Guard.SERVICE),
        Route("/internal/token/refresh", sessions.TokenRefresh(*parts), Guard.SERVICE),
        Route("/internal/ended-sessions", sessions.EndedSessions(*parts), Guard.SERVICE),
        Route("/api/admin/logout", sessions.Logout(*parts), Guard.VIEWER),
        Route("/api/admin/me", me.Me(*parts), Guard.VIEWER),
        Route("/api/admin/me/password", me.Password(*parts), Guard.VIEWER),
        Route("/api/admin/users", people.People(*parts), Guard.OWNER),
        Route("/api/admin/users/{user_id}", people.Person(*parts), Guard.OWNER),
        Route("/api/admin/users/{user_id}/password", people.PersonPassword(*parts), Guard.OWNER),
    )
