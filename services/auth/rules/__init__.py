"""The rules of auth: what a token says and what a key looks like. No clock, no storage, no HTTP."""

from services.auth.rules.grants import GRANT_LIFETIME, learner_grant
from services.auth.rules.keys import new_signing_key, published_key
from services.auth.rules.stored import admin_breaches, is_password_hash, key_breaches
from services.auth.rules.tokens import ACCESS_TOKEN_AUDIENCES, SESSION_LIFETIME, access_token

__all__ = [
    "ACCESS_TOKEN_AUDIENCES",
    "GRANT_LIFETIME",
    "SESSION_LIFETIME",
    "access_token",
    "admin_breaches",
    "is_password_hash",
    "key_breaches",
    "learner_grant",
    "new_signing_key",
    "published_key",
]
