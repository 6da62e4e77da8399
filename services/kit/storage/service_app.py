"""The web application of a service that keeps a database: routes behind guards, threads, and the soundness watch."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import peewee

from services.kit.core.config import ServerSettings, ServiceSettings
from services.kit.storage.audit.log import AuditTrail
from services.kit.storage.audit.resource import audit_route
from services.kit.storage.health import health_routes
from services.kit.storage.integrity import integrity_route
from services.kit.storage.migrations import Migrations
from services.kit.storage.soundness import SoundnessWatch, check_command
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import Direct, Lifespan, WebApp, create_web_app
from services.kit.web.guards import Gatekeeper, Route
from services.kit.web.tokens.access import AccessTokenVerifier


def create_operated_app(
    routes: Iterable[Route],
    settings: ServiceSettings,
    database: peewee.Database,
    migrations: Migrations,
    audit: AuditTrail,
    use_cases: UseCases,
    verifier: AccessTokenVerifier,
    prepare: Callable[[], Awaitable[None]] | None = None,
    require_ready: Callable[[], None] = lambda: None,
    direct: Direct | None = None,
) -> WebApp:
    """Return the app of a service with what every service is operated by: health, audit log, check, and watch.

    `require_ready` raises when the service is not ready for a reason of its own. `direct` responds before Falcon.
    """
    table = (
        *routes,
        *health_routes(use_cases, database, migrations, require_ready),
        audit_route(settings.name, audit, use_cases),
        integrity_route(check_command(settings.name, "findings", use_cases.pool)),
    )
    watch = SoundnessWatch(
        database,
        migrations,
        use_cases.pool,
        settings.integrity_interval_seconds,
        apart=check_command(settings.name, "damage", use_cases.pool),
    )
    return create_service_app(table, settings, use_cases, verifier, watch, prepare, direct)


def create_service_app(
    routes: Iterable[Route],
    settings: ServerSettings,
    use_cases: UseCases,
    verifier: AccessTokenVerifier | None = None,
    watch: SoundnessWatch | None = None,
    prepare: Callable[[], Awaitable[None]] | None = None,
    direct: Direct | None = None,
) -> WebApp:
    """Return the app of a service: its routes behind their guards, its threads closed after the last request.

    `prepare` ends before the first request. The `watch` runs from the first request to the last.
    """
    table = tuple(routes)

    async def start() -> None:
        if prepare is not None:
            await prepare()
        if watch is not None:
            watch.start()

    async def close() -> None:
        if watch is not None:
            await asyncio.to_thread(watch.stop)
        await asyncio.to_thread(use_cases.close)

    gatekeeper = Gatekeeper(table, settings.name, settings.service_secret, verifier)
    return create_web_app(table, [gatekeeper, Lifespan(start, close)], settings.body_timeout_seconds, direct=direct)
