"""Learner grants: a short-lived token that opens one private event in place of its access key.

Auth signs it for who has shown content the key; it names the event and the key's fingerprint, so that it dies when the
key changes. Learners send it as a bearer token; the gateway, whose own token content expects there, hands it on in a
header of its own.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from joserfc.jwk import KeySet

from services.kit.errors import Unauthorized
from services.kit.instants import Clock, now
from services.kit.tokens import ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_ISSUER, check_claims, verified_claims

GRANT_HEADER = "Learner-Grant"
# RFC 8725 section 3.11: by its type a grant passes for no other token, nor any other token for a grant.
GRANT_TYPE = "grant+jwt"
GRANT_AUDIENCE = "content"
FINGERPRINT_CLAIM = "key"

KeysFor = Callable[[str], Awaitable[KeySet]]
"""Auth's published keys, among them the token's if auth has it; raises Unauthorized, Unavailable."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a verified grant says: whoever bears it has shown the event's access key of that fingerprint."""

    event_id: str
    fingerprint: str


class GrantVerifier:
    """Verifies grants with the keys that access tokens are verified with."""

    def __init__(self, keys_for: KeysFor, clock: Clock = now):
        self._keys_for = keys_for
        self._clock = clock

    async def verify(self, token: str) -> Grant:
        """The grant; raises Unauthorized, or Unavailable when auth's keys are needed and cannot be had."""
        keys = await self._keys_for(token)
        claims = verified_claims(token, keys, ACCESS_TOKEN_ALGORITHM, GRANT_TYPE)
        check_claims(claims, self._clock(), GRANT_AUDIENCE, issuer=ACCESS_TOKEN_ISSUER)
        event_id, fingerprint = claims.get("sub"), claims.get(FINGERPRINT_CLAIM)
        if not (isinstance(event_id, str) and isinstance(fingerprint, str)):
            raise Unauthorized
        return Grant(event_id, fingerprint)
