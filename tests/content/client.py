"""The content app over fakes (an in-memory store, a stopped clock, own keys), and a client of it."""

from collections.abc import Mapping
from typing import Any

import peewee
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from services.content import rules
from services.content.app import routes
from services.content.branding.generator import Generator
from services.content.config import Settings, read_settings
from services.content.entities import Event
from services.content.repository.contracts import ContentStore
from services.content.service.content import ContentService
from services.kit.core.instants import Clock, now
from services.kit.storage.database import open_database
from services.kit.storage.service_app import create_service_app
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import WebApp
from services.kit.web.guards import Guard
from services.kit.web.tokens.access import AccessTokenVerifier, FetchKeys
from services.kit.web.tokens.grants import GrantVerifier
from services.kit.web.tokens.service import issue_service_token
from tests import app_client
from tests.clock import HOUR, NOON, StoppedClock
from tests.content.examples import SECRET
from tests.kit.forging import nothing_revoked
from tests.refusals import Response

SIGNING_KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "key-1"})
FORGERS_KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "key-1"})
SETTINGS: Settings = read_settings({})


async def published_keys() -> Any:
    """Return the public keys as auth publishes them."""
    return KeySet([SIGNING_KEY]).as_dict(private=False)


class Client(app_client.Client):
    """A client with the tokens of admins and of the gateway."""

    def admin(self, method: str, path: str, document: Any = None, **more: Any) -> Response:
        """Send as an admin; with a document, it is the body."""
        body = {} if document is None else {"json": document}
        return self.send(method, path, access_token(), **body, **more)

    def gateway(self, method: str, path: str, document: Any = None, **more: Any) -> Response:
        """Send as the gateway does; with a document, it is the body."""
        body = {} if document is None else {"json": document}
        return self.send(method, path, service_token(), **body, **more)


def content_app(
    store: ContentStore,
    database: peewee.Database | None = None,
    clock: Clock | None = None,
    fetch_keys: FetchKeys = published_keys,
    settings: Settings = SETTINGS,
    generator: Generator | None = None,
) -> WebApp:
    """Return the app as create_app makes it, over that store, at noon."""
    use_cases = UseCases(database or open_database("sqlite:////nowhere/content.sqlite"), threads=2)
    clock = clock or StoppedClock()
    grants = GrantVerifier(verifier(fetch_keys, clock))
    table = routes(ContentService(store, SECRET, clock), use_cases, settings, grants, generator)
    return create_service_app(table, SETTINGS, use_cases, verifier(fetch_keys))


def verifier(fetch_keys: FetchKeys = published_keys, clock: Clock | None = None) -> AccessTokenVerifier:
    """Return the verifier of access tokens, at noon, by the signing key above."""
    return AccessTokenVerifier(fetch_keys, SETTINGS.name, nothing_revoked, clock or StoppedClock())


def learner_grant(
    event: Event, header: Mapping[str, Any] | None = None, signer: OKPKey = SIGNING_KEY, **claims: Any
) -> str:
    """Return a grant for the present key of the event, as auth signs it, but for the changes."""
    sound = {
        "iss": "flix-auth",
        "aud": "content",
        "sub": event.id,
        "key": rules.fingerprint(event, SECRET),
        "iat": int((NOON - HOUR).timestamp()),
        "exp": int((NOON + HOUR).timestamp()),
    }
    typed = {"alg": "Ed25519", "typ": "grant+jwt", "kid": "key-1", **(header or {})}
    return jwt.encode(typed, {**sound, **claims}, signer, algorithms=["Ed25519"])


def access_token(key: OKPKey = SIGNING_KEY, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    """Return an admin's access token as auth signs it, but for the changes."""
    sound = {
        "iss": "flix-auth",
        "aud": ["content", "quiz", "gateway"],
        "sub": "admin-1",
        "username": "admin",
        "role": "admin",
        "roles": ["owner"],
        "sid": "session-1",
        "jti": "token-1",
        "iat": int((NOON - HOUR).timestamp()),
        "exp": int((NOON + HOUR).timestamp()),
    }
    typed = {"alg": "Ed25519", "typ": "at+jwt", "kid": "key-1", **(header or {})}
    return jwt.encode(typed, {**sound, **claims}, key, algorithms=["Ed25519"])


def service_token(secret: str = SETTINGS.service_secret, audience: str = "content") -> str:
    """Return the gateway's token for content, but for the changes."""
    return issue_service_token(secret, "gateway", audience, now())


BAD_HEADERS: Mapping[str, str | None] = {
    "no header": None,
    "an empty header": "",
    "no token": "Bearer ",
    "another scheme": "Basic YWRtaW46YWRtaW4xMjM=",
    "no scheme": "eyJhbGciOiJIUzI1NiJ9",
    "garbage in three parts": "Bearer a.b.c",
}
"""Authorization headers that open nothing; tests/kit/web proves many more."""


def bad_tokens(guard: Guard) -> Mapping[str, str]:
    """Return tokens that do not open a route of that guard, by what is wrong with them."""
    if guard is Guard.SERVICE:
        return {
            "an admin's token": access_token(),
            "forged": service_token("another-secret-that-is-long-enough!!"),
            "for another audience": service_token(audience="quiz"),
        }
    return {
        "a service's token": service_token(),
        "forged": access_token(FORGERS_KEY),
        "expired": access_token(exp=int((NOON - 24 * HOUR).timestamp())),
        "for another audience": access_token(aud="quiz"),
        "of another type": access_token(header={"typ": "JWT"}),
    }
