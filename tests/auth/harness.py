"""The service with its store, clock and hasher, for the tests of use cases and resources."""

import asyncio
from collections.abc import Sequence
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet

from services.auth.entities import Admin, SignIn
from services.auth.errors import InvalidCredentials
from services.auth.repository.contracts import AuthStore
from services.kit.core.errors import Unauthorized
from services.kit.web.tokens.access import AccessTokenVerifier
from services.kit.web.tokens.access import Admin as VerifiedAdmin
from services.kit.web.tokens.grants import Grant, GrantVerifier
from services.kit.web.tokens.revocation import Revoked
from tests.audit import entries_in
from tests.auth.examples import OWN_PASSWORD, PASSWORD, CountingHasher, a_service
from tests.auth.memory import InMemoryAuthStore
from tests.clock import LATER, StoppedClock
from tests.matching import Matching

A_REFRESH_TOKEN: Any = Matching(r"[\w-]{43}")
A_TOKEN: Any = Matching(r"[\w-]+\.[\w-]+\.[\w-]+")


class Harness:
    """The service with everything it uses. The owner ada was created at noon; it is a minute later."""

    def __init__(self, store: AuthStore | None = None) -> None:
        self.clock = StoppedClock()
        self.store: AuthStore = store or InMemoryAuthStore(self.clock)
        self.hasher = CountingHasher()
        self.service = a_service(self.store, self.clock, self.hasher)
        self.ada = self.service.create_admin("ada", PASSWORD, "admin-1")
        self.clock.at = LATER
        self.hasher.take_counts()

    def use_hasher(self, hasher: CountingHasher) -> CountingHasher:
        """Replace the service by one with this hasher."""
        self.hasher, self.service = hasher, a_service(self.store, self.clock, hasher)
        hasher.take_counts()
        return hasher

    def sign_in(self, username: str = "ada", password: str = PASSWORD, new_password: str | None = None) -> SignIn:
        return self.service.sign_in(username, password, new_password)

    def add_person(self, username: str = "grace", role: Any = "editor") -> Admin:
        """Invite a person who then sets OWN_PASSWORD."""
        invitation = self.service.people.invite(username, role)
        return self.sign_in(username, invitation.initial_password, OWN_PASSWORD).admin

    def refuses(self, username: str, password: str, new_password: str | None = None) -> bool:
        """Return whether a sign-in is refused like every wrong one, at the cost of one verification."""
        self.hasher.take_counts()
        try:
            self.sign_in(username, password, new_password)
        except InvalidCredentials as error:
            assert str(error) == "The username or the password is wrong"
            assert self.hasher.take_counts() == (0, 1)
            return True
        return False

    def entries(self) -> Sequence[tuple[str, str]]:
        """Return the action and the subject of every audit entry, in order."""
        return entries_in(self.store.audit)

    def decoded(self, sign_in: SignIn) -> Any:
        """Return the access token, verified with the published keys."""
        keys: Any = self.service.keys.published()
        return jwt.decode(sign_in.access_token, KeySet.import_key_set(keys), algorithms=["Ed25519"])

    def session_id(self, sign_in: SignIn) -> str:
        return str(self.decoded(sign_in).claims["sid"])

    def verified(self, token: str, audience: str = "quiz") -> VerifiedAdmin:
        """Return the admin of the access token, as another service sees them."""
        return asyncio.run(self.verifier(audience).verify(token))

    def is_accepted(self, sign_in: SignIn) -> bool:
        try:
            self.verified(sign_in.access_token)
        except Unauthorized:
            return False
        return True

    def granted(self, token: str) -> Grant:
        """Return the learner grant, as content sees it."""
        return asyncio.run(GrantVerifier(self.verifier("content")).verify(token))

    def verifier(self, audience: str) -> AccessTokenVerifier:
        async def fetch_keys() -> Any:
            return self.service.keys.published()

        async def revocations() -> Revoked:
            return self.service.revoked()

        return AccessTokenVerifier(fetch_keys, audience, revocations, self.clock, self.clock.elapsed)
