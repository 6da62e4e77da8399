"""The rules of auth: tokens, keys, people, and how often one may try. No clock, no storage, no HTTP."""

from services.auth.rules.keys import new_signing_key, published_key
from services.auth.rules.people import (
    INITIAL_PASSWORD_LIFETIME,
    changed_person,
    deeds,
    ends_sessions,
    is_acting_owner,
    may_sign_in,
    with_initial_password,
    with_own_password,
)
from services.auth.rules.stored import admin_breaches, is_password_hash, key_breaches
from services.auth.rules.throttles import (
    FAMILIAR_FOR,
    WINDOW,
    Bucket,
    SignInBuckets,
    is_full,
    retry_after,
    sign_in_buckets,
)
from services.auth.rules.tokens import ACCESS_TOKEN_AUDIENCES, SESSION_LIFETIME, access_token

__all__ = [
    "ACCESS_TOKEN_AUDIENCES",
    "FAMILIAR_FOR",
    "INITIAL_PASSWORD_LIFETIME",
    "SESSION_LIFETIME",
    "WINDOW",
    "Bucket",
    "SignInBuckets",
    "access_token",
    "admin_breaches",
    "changed_person",
    "deeds",
    "ends_sessions",
    "is_acting_owner",
    "is_full",
    "is_password_hash",
    "key_breaches",
    "may_sign_in",
    "new_signing_key",
    "published_key",
    "retry_after",
    "sign_in_buckets",
    "with_initial_password",
    "with_own_password",
]
