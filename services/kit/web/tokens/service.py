"""Service tokens: JWTs under the secret that only the services share (HS256), with the called service as audience."""

from datetime import datetime, timedelta
from functools import cache

from joserfc import jwt
from joserfc.jwk import OctKey

from services.kit.web.tokens.claims import check_claims, read_claims

SERVICE_TOKEN_TYPE = "service+jwt"  # noqa: S105
SERVICE_TOKEN_LIFETIME = timedelta(seconds=60)


def issue_service_token(secret: str, issuer: str, audience: str, at: datetime) -> str:
    """Sign a token with which the service `issuer` may call the internal routes of `audience` for a minute."""
    claims = {
        "iss": issuer,
        "aud": audience,
        "iat": int(at.timestamp()),
        "exp": int((at + SERVICE_TOKEN_LIFETIME).timestamp()),
    }
    return jwt.encode({"alg": "HS256", "typ": SERVICE_TOKEN_TYPE}, claims, _shared_key(secret))


def verify_service_token(token: str, secret: str, audience: str, at: datetime) -> str:
    """Return the name of the calling service; raise Unauthorized."""
    claims = read_claims(token, _shared_key(secret), "HS256", SERVICE_TOKEN_TYPE)
    check_claims(claims, at, audience)
    return str(claims.get("iss", ""))


@cache
def _shared_key(secret: str) -> OctKey:
    # A process has one secret, and every internal call signs or verifies with it.
    return OctKey.import_key(secret)
