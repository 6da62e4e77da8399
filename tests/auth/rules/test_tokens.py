"""The rules of access tokens and refresh tokens."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import OKPKey

from services.auth.entities import RefreshToken, SigningKey
from services.auth.rules import tokens
from services.auth.rules.keys import (
    KEY_ENCRYPTION,
    REFRESH_TOKENS,
    decrypt_private_key,
    derive_key,
    new_signing_key,
    public_jwk,
)
from services.auth.rules.tokens import RefreshOutcome
from tests.auth.examples import ENCRYPTION_KEY, a_session, an_admin
from tests.clock import HOUR, MILLISECOND, NOON, SECOND

QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)

# Access tokens


def a_signing_key() -> SigningKey:
    return new_signing_key("key-1", NOON, ENCRYPTION_KEY)


def an_access_token(key: SigningKey, at: datetime = NOON, lifetime: timedelta = QUARTER, username: str = "ada") -> str:
    admin, private = an_admin(username=username), decrypt_private_key(key, ENCRYPTION_KEY)
    return tokens.access_token(admin, a_session(), "token-1", key.id, private, at, at + lifetime)


def decoded(token: str, key: SigningKey) -> Any:
    return jwt.decode(token, OKPKey.import_key(public_jwk(key)), algorithms=["Ed25519"])


def test_an_access_token_has_these_claims_and_no_others() -> None:
    key = a_signing_key()
    token = decoded(an_access_token(key), key)
    assert token.header == {"alg": "Ed25519", "typ": "at+jwt", "kid": "key-1"}
    assert token.claims == {
        "iss": "flix-auth",
        "aud": ["gateway", "content", "quiz", "auth"],
        "sub": "admin-1",
        "username": "ada",
        "role": "admin",
        "roles": ["owner"],
        "sid": "session-1",
        "jti": "token-1",
        "iat": int(NOON.timestamp()),
        "exp": int(NOON.timestamp()) + 900,
    }
    with pytest.raises(BadSignatureError):
        decoded(an_access_token(key), a_signing_key())


@given(
    at=st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),
    lifetime=st.timedeltas(timedelta(seconds=1), timedelta(days=365)),
    username=st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_every_access_token_has_its_lifetime_to_the_second(at: datetime, lifetime: timedelta, username: str) -> None:
    key = a_signing_key()
    claims = decoded(an_access_token(key, at, lifetime, username), key).claims
    assert claims["username"] == username
    assert claims["iat"] <= at.timestamp() < claims["iat"] + 1
    assert claims["exp"] <= (at + lifetime).timestamp() < claims["exp"] + 1


@pytest.mark.parametrize(("lifetime", "duration"), [(QUARTER, 7 * DAY), (30 * DAY, 30 * DAY)])
def test_a_session_lasts_seven_days_or_as_long_as_its_access_token(lifetime: timedelta, duration: timedelta) -> None:
    assert tokens.session_end(NOON, lifetime) == NOON + duration


@pytest.mark.parametrize(
    ("left", "access", "refresh"),
    [
        (7 * DAY, QUARTER, DAY),
        (DAY, QUARTER, DAY),
        (DAY - SECOND, QUARTER, DAY - SECOND),
        (QUARTER, QUARTER, QUARTER),
        (MILLISECOND, MILLISECOND, MILLISECOND),
    ],
)
def test_no_token_outlives_its_session(left: timedelta, access: timedelta, refresh: timedelta) -> None:
    session = a_session(expires_at=NOON + left)
    ends = (tokens.access_token_end(session, NOON, QUARTER), tokens.refresh_token_end(session, NOON))
    assert ends == (NOON + access, NOON + refresh)


# Refresh tokens

KEY = derive_key("a secret", REFRESH_TOKENS)
TEXTS = st.text(max_size=60)


def test_new_refresh_tokens_have_256_bits_and_differ() -> None:
    new = [tokens.new_refresh_token() for _ in range(100)]
    assert (len(set(new)), {len(each) for each in new}) == (100, {43})


@given(token=TEXTS, other=TEXTS)
def test_a_successor_depends_on_its_token_and_the_secret_only(token: str, other: str) -> None:
    successor = tokens.refresh_token_after(token, KEY)
    assert successor == tokens.refresh_token_after(token, KEY) != token
    assert len(successor) == 43
    assert set(successor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert (tokens.refresh_token_after(other, KEY) == successor) is (token == other)
    for secret, purpose in (("another secret", REFRESH_TOKENS), ("a secret", KEY_ENCRYPTION)):
        assert tokens.refresh_token_after(token, derive_key(secret, purpose)) != successor


def test_a_refresh_token_is_stored_under_its_sha_256() -> None:
    # `printf abc | sha256sum`
    assert tokens.refresh_token_id("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


SESSION = a_session(expires_at=NOON + 7 * DAY)
ADMIN = an_admin()
UNUSED = RefreshToken("token-1", "session-1", NOON, NOON + DAY)
USED = replace(UNUSED, used_at=NOON + HOUR)
SUCCESSOR = RefreshToken("token-2", "session-1", NOON + HOUR, NOON + HOUR + DAY)
USED_SUCCESSOR = replace(SUCCESSOR, used_at=NOON + HOUR + SECOND)


@pytest.mark.parametrize(
    ("token", "successor", "at", "outcome"),
    [
        (UNUSED, None, NOON, RefreshOutcome.FIRST_USE),
        (UNUSED, None, NOON + DAY - MILLISECOND, RefreshOutcome.FIRST_USE),
        (UNUSED, None, NOON + DAY, RefreshOutcome.REFUSED),
        (UNUSED, None, NOON + 2 * DAY, RefreshOutcome.REFUSED),
        # Clocks of two replicas differ.
        (USED, SUCCESSOR, NOON + HOUR - SECOND, RefreshOutcome.RETRY),
        (USED, SUCCESSOR, NOON + HOUR, RefreshOutcome.RETRY),
        (USED, SUCCESSOR, NOON + HOUR + 10 * SECOND, RefreshOutcome.RETRY),
        (USED, SUCCESSOR, NOON + HOUR + 10 * SECOND + MILLISECOND, RefreshOutcome.REUSE),
        (USED, SUCCESSOR, NOON + HOUR + 3 * DAY, RefreshOutcome.REUSE),
        (USED, USED_SUCCESSOR, NOON + HOUR + SECOND, RefreshOutcome.REUSE),
        # The secret that makes successors was changed.
        (USED, None, NOON + HOUR, RefreshOutcome.REUSE),
    ],
)
def test_the_outcome_of_a_refresh(
    token: RefreshToken, successor: RefreshToken | None, at: datetime, outcome: RefreshOutcome
) -> None:
    assert tokens.refresh_outcome(SESSION, token, successor, ADMIN, at) is outcome


@pytest.mark.parametrize("token", [UNUSED, USED], ids=["unused", "used"])
@pytest.mark.parametrize("successor", [None, SUCCESSOR], ids=["no successor", "successor"])
@pytest.mark.parametrize("at", [NOON + HOUR, NOON + 2 * HOUR])
def test_a_refresh_is_refused_for_an_inactive_session_or_a_disabled_person(
    token: RefreshToken, successor: RefreshToken | None, at: datetime
) -> None:
    for session, admin in (
        (replace(SESSION, ended_at=NOON), ADMIN),
        (replace(SESSION, expires_at=at), ADMIN),
        (SESSION, replace(ADMIN, disabled_at=NOON)),
    ):
        assert tokens.refresh_outcome(session, token, successor, admin, at) is RefreshOutcome.REFUSED
