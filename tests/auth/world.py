"""The service with all that it touches, for the tests of its use cases."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet

from services.auth.entities import Session, SignIn
from services.auth.errors import SessionNotFound
from services.auth.repository.contracts import AuthStore
from services.auth.service.sign_in import AuthService
from services.kit.web.tokens.access import AccessTokenVerifier
from services.kit.web.tokens.access import Admin as VerifiedAdmin
from services.kit.web.tokens.grants import Grant, GrantVerifier
from services.kit.web.tokens.revocation import Revoked
from tests.auth.entries import entries_of
from tests.auth.examples import PASSWORD, CountingHasher, a_service
from tests.clock import LATER, StoppedClock
from tests.matching import Matching

A_REFRESH_TOKEN: Any = Matching(r"[\w-]{43}")
A_TOKEN: Any = Matching(r"[\w-]+\.[\w-]+\.[\w-]+")


class World:
    """The service and all that it touches; ada is an admin since noon, and a minute has gone by."""

    def __init__(self, store: AuthStore) -> None:
        self.store = store
        self.clock = StoppedClock()
        self.hasher = CountingHasher()
        self.service = self.service_with(self.hasher)
        self.ada = self.service.create_admin("ada", PASSWORD, "admin-1")
        self.clock.at = LATER
        self.hasher.work_of()

    def service_with(self, hasher: CountingHasher) -> AuthService:
        """The service over the same records, as it is after its parameters were changed."""
        return a_service(self.store, self.clock, hasher)

    def change_password(self, password_hash: str) -> None:
        """Ada's, by another process."""
        self.store.admins.save(replace(self.ada, password_hash=password_hash, updated_at=LATER))

    def known_session(self, session_id: str) -> Session | None:
        """The session, if it is there."""
        with suppress(SessionNotFound):
            return self.store.sessions.get(session_id)
        return None

    def entries(self) -> Sequence[tuple[str, str]]:
        """What the audit log says was done, in order, and to which id."""
        return entries_of(self.store)

    def token_of(self, sign_in: SignIn) -> Any:
        """What the token says, verified with the published keys."""
        published: Any = self.service.keys.published()
        return jwt.decode(sign_in.access_token, KeySet.import_key_set(published), algorithms=["Ed25519"])

    def verified(self, sign_in: SignIn, audience: str) -> VerifiedAdmin:
        """The admin whom another service sees."""
        return asyncio.run(self.verifier(audience).verify(sign_in.access_token))

    def granted(self, token: str) -> Grant:
        """What content sees of a learner grant."""
        return asyncio.run(GrantVerifier(self.verifier("content")).verify(token))

    def verifier(self, audience: str) -> AccessTokenVerifier:
        """What judges tokens there, and has asked for nothing yet."""

        async def fetch_keys() -> Any:
            return self.service.keys.published()

        async def revocations() -> Revoked:
            return self.service.revoked()

        return AccessTokenVerifier(fetch_keys, audience, revocations, self.clock)
