"""Tokens: who calls, and for what.

An admin's access token is a JWT that auth alone signs (Ed25519, RFC 8037 and RFC 9068); everyone else verifies it
with auth's published keys, and asks auth which sessions have ended. A service token is a JWT under the secret that
only the services share (HS256); it lives for a minute and names its callee as the audience. A learner's grant is signed
like an access token and opens one private event.
"""

from services.kit.tokens.access import (
    ACCESS_TOKEN_ALGORITHM,
    ACCESS_TOKEN_ISSUER,
    ACCESS_TOKEN_TYPE,
    ADMIN_ROLE,
    KEYS_LIFETIME,
    ROLES,
    AccessTokenVerifier,
    Admin,
    FetchKeys,
    bearer_token,
)
from services.kit.tokens.auth import fetch_keys_from, fetch_revoked_from, verifier_of
from services.kit.tokens.claims import LEEWAY, MAXIMUM_TOKEN_LENGTH
from services.kit.tokens.grants import (
    FINGERPRINT_CLAIM,
    GRANT_AUDIENCE,
    GRANT_HEADER,
    GRANT_TYPE,
    Grant,
    GrantVerifier,
)
from services.kit.tokens.revocation import REVOKED_LIFETIME, FetchRevoked, RevocationList, Revocations, Revoked
from services.kit.tokens.service import SERVICE_TOKEN_LIFETIME, issue_service_token, verify_service_token

__all__ = [
    "ACCESS_TOKEN_ALGORITHM",
    "ACCESS_TOKEN_ISSUER",
    "ACCESS_TOKEN_TYPE",
    "ADMIN_ROLE",
    "FINGERPRINT_CLAIM",
    "GRANT_AUDIENCE",
    "GRANT_HEADER",
    "GRANT_TYPE",
    "KEYS_LIFETIME",
    "LEEWAY",
    "MAXIMUM_TOKEN_LENGTH",
    "REVOKED_LIFETIME",
    "ROLES",
    "SERVICE_TOKEN_LIFETIME",
    "AccessTokenVerifier",
    "Admin",
    "FetchKeys",
    "FetchRevoked",
    "Grant",
    "GrantVerifier",
    "RevocationList",
    "Revocations",
    "Revoked",
    "bearer_token",
    "fetch_keys_from",
    "fetch_revoked_from",
    "issue_service_token",
    "verifier_of",
    "verify_service_token",
]
