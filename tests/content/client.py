"""The content app over fakes: an in-memory store, a stopped clock, keys of our own; and a client that talks to it."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from services.content import rules
from services.content.app import routes
from services.content.config import Settings, read_settings
from services.content.entities import Event
from services.content.repository.contracts import ContentStore
from services.content.service import ContentService
from services.kit.core.instants import Clock, now
from services.kit.storage.database import open_database
from services.kit.storage.service_app import create_service_app
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import WebApp
from services.kit.web.guards import Guard, Route
from services.kit.web.tokens.access import AccessTokenVerifier, FetchKeys
from services.kit.web.tokens.grants import GrantVerifier
from services.kit.web.tokens.service import issue_service_token
from tests import app_client
from tests.clock import HOUR, NOON, StoppedClock
from tests.content.examples import SECRET
from tests.kit.forging import nothing_revoked
from tests.refusals import Answer

SIGNING_KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "key-1"})
FORGERS_KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "key-1"})
SETTINGS: Settings = read_settings({})


async def published_keys() -> Any:
    """What auth publishes."""
    return KeySet([SIGNING_KEY]).as_dict(private=False)


class Client(app_client.Client):
    """A client with the tokens that content asks for."""

    def admin(self, method: str, path: str, document: Any = None, **more: Any) -> Answer:
        """Send as an admin; with a document, it is the body."""
        body = {} if document is None else {"json": document}
        return self.send(method, path, access_token(), **body, **more)

    def gateway(self, method: str, path: str, document: Any = None, **more: Any) -> Answer:
        """Send as the gateway does; with a document, it is the body."""
        body = {} if document is None else {"json": document}
        return self.send(method, path, service_token(), **body, **more)


def content_app(
    store: ContentStore,
    database_url: str = "sqlite:////nowhere/content.sqlite",
    clock: Clock | None = None,
    fetch_keys: FetchKeys = published_keys,
    settings: Settings = SETTINGS,
) -> WebApp:
    """The app as create_app makes it, over that store, at noon."""
    table, use_cases = content_routes(store, database_url, clock, fetch_keys, settings)
    return create_service_app(table, SETTINGS, use_cases, verifier(fetch_keys))


def content_routes(
    store: ContentStore,
    database_url: str = "sqlite:////nowhere/content.sqlite",
    clock: Clock | None = None,
    fetch_keys: FetchKeys = published_keys,
    settings: Settings = SETTINGS,
) -> tuple[tuple[Route, ...], UseCases]:
    """The routes table over that store, and the pool that its use cases run in."""
    use_cases = UseCases(open_database(database_url), threads=2)
    clock = clock or StoppedClock()
    grants = GrantVerifier(verifier(fetch_keys, clock))
    return routes(ContentService(store, SECRET, clock), use_cases, settings, grants), use_cases


def verifier(fetch_keys: FetchKeys = published_keys, clock: Clock | None = None) -> AccessTokenVerifier:
    """What judges access tokens, at noon, by the signing key above."""
    return AccessTokenVerifier(fetch_keys, SETTINGS.name, nothing_revoked, clock or StoppedClock())


def learner_grant(
    event: Event, header: Mapping[str, Any] | None = None, signer: OKPKey = SIGNING_KEY, **claims: Any
) -> str:
    """A grant for the event, private behind its present key, as auth signs it, but for the changes."""
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


def access_token(
    key: OKPKey = SIGNING_KEY, header: Mapping[str, Any] | None = None, without: str = "", **claims: Any
) -> str:
    """An admin's access token as auth signs it, but for the changes."""
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
    everything = {name: value for name, value in {**sound, **claims}.items() if name != without}
    return jwt.encode(
        {"alg": "Ed25519", "typ": "at+jwt", "kid": "key-1", **(header or {})}, everything, key, algorithms=["Ed25519"]
    )


def service_token(secret: str = SETTINGS.service_secret, audience: str = "content") -> str:
    """The gateway's token for content, but for the changes."""
    return issue_service_token(secret, "gateway", audience, now())


BAD_HEADERS: Mapping[str, str | None] = {
    "no header": None,
    "an empty header": "",
    "no token": "Bearer ",
    "another scheme": "Basic YWRtaW46YWRtaW4xMjM=",
    "no scheme": "eyJhbGciOiJIUzI1NiJ9",
    "garbage": "Bearer garbage",
    "garbage in three parts": "Bearer a.b.c",
    "characters outside ASCII": "Bearer \u00e9.\u00e9.\u00e9",
}
"""Authorization headers that open nothing."""


def _unsigned(kind: str, claims: Mapping[str, Any]) -> str:
    parts = ({"alg": "none", "typ": kind, "kid": "key-1"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, ""])


def _service_token_of(header: Mapping[str, Any], claims: Mapping[str, Any], without: str = "") -> str:
    at = int(now().timestamp())
    sound = {"iss": "gateway", "aud": "content", "iat": at, "exp": at + 60, **claims}
    key = OctKey.import_key(SETTINGS.service_secret)
    kept = {name: value for name, value in sound.items() if name != without}
    return jwt.encode({"alg": "HS256", "typ": "service+jwt", **header}, kept, key)


def _signed_with_the_public_key() -> str:
    # The old confusion of algorithms: everyone knows the public key, so it must not pass for a secret.
    claims = {
        "iss": "flix-auth",
        "aud": "content",
        "sub": "a",
        "username": "admin",
        "role": "admin",
        "roles": ["owner"],
        "sid": "session-1",
        "jti": "token-1",
        "exp": 2**40,
    }
    secret = OctKey.import_key(str(SIGNING_KEY.as_dict(private=False)["x"]))
    return jwt.encode({"alg": "HS256", "typ": "at+jwt", "kid": "key-1"}, claims, secret)


def bad_tokens(guard: Guard) -> Mapping[str, str]:
    """Tokens that do not open a route of that guard, by what is wrong with them."""
    long_ago = int((NOON - 24 * HOUR).timestamp())
    admin_claims = {
        "iss": "flix-auth",
        "aud": "content",
        "sub": "a",
        "username": "a",
        "role": "admin",
        "roles": ["owner"],
        "sid": "session-1",
        "jti": "token-1",
        "exp": 2**40,
    }
    if guard is not Guard.SERVICE:
        return {
            "a service's token": service_token(),
            "forged": access_token(FORGERS_KEY),
            "of an unknown key": access_token(header={"kid": "key-2"}),
            "expired": access_token(exp=long_ago),
            "without an expiry": access_token(without="exp"),
            "for another audience": access_token(aud="quiz"),
            "for no audience": access_token(without="aud"),
            "of another issuer": access_token(iss="somebody"),
            "of another type": access_token(header={"typ": "JWT"}),
            "without a subject": access_token(without="sub"),
            "without a role": access_token(without="role"),
            "without roles": access_token(without="roles"),
            "of two roles": access_token(roles=["viewer", "owner"]),
            "unsigned": _unsigned("at+jwt", admin_claims),
            "signed with the public key": _signed_with_the_public_key(),
        }
    return {
        "an admin's token": access_token(),
        "forged": service_token("another-secret-that-is-long-enough!!"),
        "expired": _service_token_of({}, {"exp": long_ago}),
        "without an expiry": _service_token_of({}, {}, without="exp"),
        "for another audience": service_token(audience="quiz"),
        "for no audience": _service_token_of({}, {}, without="aud"),
        "of another type": _service_token_of({"typ": "at+jwt"}, {}),
        "unsigned": _unsigned("service+jwt", {"iss": "gateway", "aud": "content", "exp": 2**40}),
    }
