"""services.auth.rules.tokens: what an access token says, and what a refresh token that is shown does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import OKPKey

from services.auth import rules
from services.auth.entities import RefreshToken, SigningKey
from services.auth.rules import Shown
from tests.auth.examples import SEAL, a_session, an_admin
from tests.clock import HOUR, MILLISECOND, NOON, SECOND

QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)

# Access tokens


def token(key: SigningKey, at: datetime = NOON, lifetime: timedelta = QUARTER, username: str = "ada") -> str:
    """The admin's token."""
    admin = an_admin(username=username)
    return rules.access_token(admin, a_session(), "token-1", key.id, rules.opened(key, SEAL), at, at + lifetime)


def decoded(text: str, key: SigningKey) -> Any:
    """What the token says, verified with the published key alone."""
    return jwt.decode(text, OKPKey.import_key(rules.published_key(key)), algorithms=["Ed25519"])


def test_a_token_says_who_for_whom_from_when_until_when_and_nothing_else() -> None:
    key = rules.new_signing_key("key-1", NOON, SEAL)
    seen = decoded(token(key), key)
    assert seen.header == {"alg": "Ed25519", "typ": "at+jwt", "kid": "key-1"}
    assert seen.claims == {
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


@given(
    at=st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),
    lifetime=st.timedeltas(timedelta(seconds=1), timedelta(days=365)),
    username=st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_every_token_lives_as_long_as_it_should_to_the_second(at: datetime, lifetime: timedelta, username: str) -> None:
    key = rules.new_signing_key("key-1", NOON, SEAL)
    claims = decoded(token(key, at, lifetime, username), key).claims
    assert claims["username"] == username
    assert claims["iat"] <= at.timestamp() < claims["iat"] + 1
    assert claims["exp"] <= (at + lifetime).timestamp() < claims["exp"] + 1


def test_a_token_of_one_key_is_not_one_of_another() -> None:
    one, other = (rules.new_signing_key("key-1", NOON, SEAL) for _ in range(2))
    with pytest.raises(BadSignatureError):
        decoded(token(one), other)


@pytest.mark.parametrize(
    ("lifetime", "lasts"), [(QUARTER, timedelta(days=7)), (timedelta(days=30), timedelta(days=30))]
)
def test_a_session_lasts_seven_days_and_never_less_than_its_first_access_token(
    lifetime: timedelta, lasts: timedelta
) -> None:
    assert rules.session_end(NOON, lifetime) == NOON + lasts


@pytest.mark.parametrize(
    ("left", "access", "refresh"),
    [
        (timedelta(days=7), QUARTER, DAY),
        (DAY, QUARTER, DAY),
        (DAY - SECOND, QUARTER, DAY - SECOND),
        (QUARTER, QUARTER, QUARTER),
        (MILLISECOND, MILLISECOND, MILLISECOND),
    ],
)
def test_no_token_outlives_its_session(left: timedelta, access: timedelta, refresh: timedelta) -> None:
    session = a_session(expires_at=NOON + left)
    ends = (rules.access_token_end(session, NOON, QUARTER), rules.refresh_token_end(session, NOON))
    assert ends == (NOON + access, NOON + refresh)


# Refresh tokens

KEY = rules.derived_key("a secret", rules.SUCCESSION)
TOKENS = st.text(max_size=60)


def test_a_new_refresh_token_has_256_bits_and_no_two_are_alike() -> None:
    tokens = [rules.new_refresh_token() for _ in range(100)]
    assert (len(set(tokens)), {len(each) for each in tokens}) == (100, {43})


@given(token=TOKENS)
def test_one_token_follows_another_the_same_whoever_asks_and_it_looks_like_a_new_one(token: str) -> None:
    following = rules.refresh_token_after(token, KEY)
    assert following == rules.refresh_token_after(token, KEY) != token
    assert len(following) == 43
    assert set(following) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(token=TOKENS, other=TOKENS)
def test_what_follows_depends_on_the_token_and_on_the_secret(token: str, other: str) -> None:
    following = rules.refresh_token_after(token, KEY)
    assert (rules.refresh_token_after(other, KEY) == following) is (token == other)
    for secret, purpose in (("another secret", rules.SUCCESSION), ("a secret", rules.SEALING)):
        assert rules.refresh_token_after(token, rules.derived_key(secret, purpose)) != following


def test_a_token_is_kept_under_its_sha_256() -> None:
    # `printf abc | sha256sum`
    assert rules.refresh_token_id("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


SESSION = a_session(expires_at=NOON + 7 * DAY)
ADMIN = an_admin()
UNUSED = RefreshToken("token-1", "session-1", NOON, NOON + DAY)
USED = replace(UNUSED, used_at=NOON + HOUR)
SUCCESSOR = RefreshToken("token-2", "session-1", NOON + HOUR, NOON + HOUR + DAY)


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (NOON, Shown.REFRESHES),
        (NOON + DAY - MILLISECOND, Shown.REFRESHES),
        (NOON + DAY, Shown.IS_OVER),
        (NOON + 2 * DAY, Shown.IS_OVER),
    ],
)
def test_a_token_refreshes_once_until_it_is_over(at: datetime, shown: Shown) -> None:
    assert rules.judge_refresh(SESSION, UNUSED, None, ADMIN, at) is shown


@pytest.mark.parametrize(
    ("late", "shown"),
    [
        # Clocks of two replicas differ.
        (-SECOND, Shown.REPEATS),
        (0 * SECOND, Shown.REPEATS),
        (10 * SECOND, Shown.REPEATS),
        (10 * SECOND + MILLISECOND, Shown.REUSED),
        (3 * DAY, Shown.REUSED),
    ],
)
def test_a_used_token_repeats_its_answer_for_ten_seconds(late: timedelta, shown: Shown) -> None:
    assert rules.judge_refresh(SESSION, USED, SUCCESSOR, ADMIN, NOON + HOUR + late) is shown


def test_a_used_token_is_reuse_as_soon_as_its_successor_was_used() -> None:
    successor = replace(SUCCESSOR, used_at=NOON + HOUR + SECOND)
    assert rules.judge_refresh(SESSION, USED, successor, ADMIN, NOON + HOUR + SECOND) is Shown.REUSED


def test_a_used_token_whose_successor_nobody_knows_is_reuse() -> None:
    # The secret that makes successors has been changed.
    assert rules.judge_refresh(SESSION, USED, None, ADMIN, NOON + HOUR) is Shown.REUSED


@pytest.mark.parametrize("token", [UNUSED, USED], ids=["unused", "used"])
@pytest.mark.parametrize("successor", [None, SUCCESSOR], ids=["no successor", "successor"])
@pytest.mark.parametrize("at", [NOON + HOUR, NOON + 2 * HOUR])
def test_nothing_comes_of_a_session_that_is_over_or_of_a_person_who_is_disabled(
    token: RefreshToken, successor: RefreshToken | None, at: datetime
) -> None:
    ended, expired = replace(SESSION, ended_at=NOON), replace(SESSION, expires_at=at)
    shown = [
        rules.judge_refresh(ended, token, successor, ADMIN, at),
        rules.judge_refresh(expired, token, successor, ADMIN, at),
        rules.judge_refresh(SESSION, token, successor, replace(ADMIN, disabled_at=NOON), at),
    ]
    assert shown == [Shown.IS_OVER] * 3
