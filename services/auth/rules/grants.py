"""The content of a learner grant."""

from datetime import datetime, timedelta

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.kit.web.tokens.access import ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_ISSUER
from services.kit.web.tokens.grants import FINGERPRINT_CLAIM, GRANT_AUDIENCE, GRANT_TYPE

GRANT_LIFETIME = timedelta(hours=1)


def learner_grant(
    event_id: str, fingerprint: str, token_id: str, key_id: str, key: OKPKey, now: datetime, expires_at: datetime
) -> str:
    """Return a signed token that opens the event as long as its access key has this fingerprint."""
    claims = {
        "iss": ACCESS_TOKEN_ISSUER,
        "aud": GRANT_AUDIENCE,
        "sub": event_id,
        FINGERPRINT_CLAIM: fingerprint,
        "jti": token_id,
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    header = {"alg": ACCESS_TOKEN_ALGORITHM, "typ": GRANT_TYPE, "kid": key_id}
    return jwt.encode(header, claims, key, algorithms=[ACCESS_TOKEN_ALGORITHM])
