"""The gateway's composition root: its parts and its routes."""

import os
from collections.abc import Iterable

from falcon.routing import CompiledRouter

from gateway.access_log import RequestRecorder, access_log
from gateway.config import Settings, read_settings
from gateway.direct import DirectResponses
from gateway.edge import Origins, RateLimit, SecurityHeaders
from gateway.gauges import show_gauges
from gateway.guesses import Guesses
from gateway.limiter import Counts, store_at
from gateway.overload import Overload
from gateway.resources import Endpoint
from gateway.routes import PUBLIC_ROUTES
from gateway.upstreams import Upstreams, connect
from gateway.views import deletions
from services.kit.web.app import Lifespan, WebApp, create_web_app
from services.kit.web.guards import Gatekeeper, Route
from services.kit.web.tokens.access import AccessTokenVerifier
from services.kit.web.tokens.auth import access_token_verifier


def create_app(settings: Settings | None = None) -> WebApp:
    """Make the ASGI app, with the settings of the environment unless others are given."""
    settings = settings or read_settings(os.environ)
    verifier = access_token_verifier(settings)
    return assemble(settings, connect(settings, verifier.revocations), verifier)


def assemble(settings: Settings, upstreams: Upstreams, verifier: AccessTokenVerifier) -> WebApp:
    """Make the app over these upstreams."""
    counts = Counts(store_at(settings.redis_url) if settings.redis_url else None)
    guesses = Guesses(
        counts, settings.access_key_guesses, settings.access_key_guesses_of_event, settings.access_key_window_ms
    )
    table = routes(upstreams, guesses)

    async def close() -> None:
        await deletions.finish()
        await upstreams.close()
        await counts.close()
        recorder.flush()

    security, origins = SecurityHeaders(settings.strict_transport_security), Origins(settings.cors_origins)

    def refusal_headers(origin: str | None) -> dict[str, str]:
        return {**security.headers, **origins.headers(origin)}

    rate_limit = RateLimit(counts, settings, verifier)
    recorder = RequestRecorder(access_log(settings.log_level, settings.access_log_percent), _router(table))
    middleware = [
        security,
        origins,
        rate_limit,
        Gatekeeper(table, settings.name, settings.service_secret, verifier),
        Lifespan(verifier.prepare, close),
    ]
    body_seconds = settings.body_timeout_seconds
    direct = DirectResponses(upstreams, guesses, security, origins, rate_limit, body_seconds, recorder)
    overload = Overload(settings.requests_in_flight, settings.trusted_proxies, refusal_headers, recorder.refused)
    show_gauges(upstreams, overload)
    return create_web_app(
        table, middleware, body_seconds, refusal_headers, direct.respond, overload, recorder.answered_by_falcon
    )


def _router(table: Iterable[Route]) -> CompiledRouter:
    router = CompiledRouter()
    for route in table:
        router.add_route(route.path, route.resource, suffix=route.suffix, _asgi=True)
    return router


def routes(upstreams: Upstreams, guesses: Guesses) -> tuple[Route, ...]:
    """Return the rows of routes.py with their resources."""
    return tuple(Route(route.path, Endpoint(route, upstreams, guesses), route.guards) for route in PUBLIC_ROUTES)
