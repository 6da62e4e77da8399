"""Learner grants: a short-lived token that opens one private event in place of its access key.

Auth signs it for a learner who knows the key. It names the event and the key's fingerprint, so that it becomes invalid
when the key changes. Learners send it as a bearer token. The gateway forwards it in the header Learner-Grant, because
the Authorization header has the gateway's own token.
"""

from dataclasses import dataclass

from services.kit.core.errors import Unauthorized
from services.kit.web.tokens.access import AccessTokenVerifier

GRANT_HEADER = "Learner-Grant"
# RFC 8725 section 3.11: the type prevents that a grant is accepted as another token, or another token as a grant.
GRANT_TYPE = "grant+jwt"
GRANT_AUDIENCE = "content"
FINGERPRINT_CLAIM = "key"


@dataclass(frozen=True, slots=True)
class Grant:
    """A verified grant: its bearer knew the event's access key with that fingerprint."""

    event_id: str
    fingerprint: str


class GrantVerifier:
    """Verifies grants with the same keys as access tokens."""

    def __init__(self, verifier: AccessTokenVerifier):
        self._verifier = verifier

    async def verify(self, token: str) -> Grant:
        """Return the grant; raise Unauthorized, or Unavailable without auth's keys."""
        claims = await self._verifier.verified_claims(token, GRANT_TYPE)
        event_id, fingerprint = claims.get("sub"), claims.get(FINGERPRINT_CLAIM)
        if not (isinstance(event_id, str) and isinstance(fingerprint, str)):
            raise Unauthorized
        return Grant(event_id, fingerprint)
