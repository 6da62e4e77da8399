"""Learner grants: a short-lived token that opens one private event in place of its access key.

Auth signs it for who has shown content the key; it names the event and the key's fingerprint, so that it dies when the
key changes. Learners send it as a bearer token; the gateway, whose own token content expects there, hands it on in a
header of its own.
"""

from dataclasses import dataclass

from services.kit.core.errors import Unauthorized
from services.kit.web.tokens.access import AccessTokenVerifier

GRANT_HEADER = "Learner-Grant"
# RFC 8725 section 3.11: by its type a grant passes for no other token, nor any other token for a grant.
GRANT_TYPE = "grant+jwt"
GRANT_AUDIENCE = "content"
FINGERPRINT_CLAIM = "key"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a verified grant says: whoever bears it has shown the event's access key of that fingerprint."""

    event_id: str
    fingerprint: str


class GrantVerifier:
    """Verifies grants with the keys that this verifier has for access tokens."""

    def __init__(self, verifier: AccessTokenVerifier):
        self._verifier = verifier

    async def verify(self, token: str) -> Grant:
        """The grant; raises Unauthorized, or Unavailable when auth's keys are needed and cannot be had."""
        claims = await self._verifier.verified_claims(token, GRANT_TYPE)
        event_id, fingerprint = claims.get("sub"), claims.get(FINGERPRINT_CLAIM)
        if not (isinstance(event_id, str) and isinstance(fingerprint, str)):
            raise Unauthorized
        return Grant(event_id, fingerprint)
