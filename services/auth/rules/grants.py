"""What a learner grant says."""

import json
from datetime import datetime, timedelta

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.auth.entities import SigningKey
from services.kit.grants import FINGERPRINT_CLAIM, GRANT_AUDIENCE, GRANT_TYPE
from services.kit.tokens import ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_ISSUER

GRANT_LIFETIME = timedelta(hours=1)


def learner_grant(
    event_id: str, fingerprint: str, token_id: str, key: SigningKey, now: datetime, lifetime: timedelta
) -> str:
    """A signed token that opens the event while its access key has that fingerprint."""
    claims = {
        "iss": ACCESS_TOKEN_ISSUER,
        "aud": GRANT_AUDIENCE,
        "sub": event_id,
        FINGERPRINT_CLAIM: fingerprint,
        "jti": token_id,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    header = {"alg": ACCESS_TOKEN_ALGORITHM, "typ": GRANT_TYPE, "kid": key.id}
    private_key = OKPKey.import_key(json.loads(key.private_key))
    return jwt.encode(header, claims, private_key, algorithms=[ACCESS_TOKEN_ALGORITHM])
