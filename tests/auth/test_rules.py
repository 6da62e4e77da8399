"""services.auth.rules: what an access token says, and what a published key does not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import OKPKey

from services.auth import rules
from services.auth.entities import SigningKey
from tests.auth.examples import a_session, an_admin
from tests.clock import NOON

LIFETIME = timedelta(minutes=15)


def token(key: SigningKey, at: datetime = NOON, lifetime: timedelta = LIFETIME, username: str = "ada") -> str:
    """The admin's token."""
    return rules.access_token(an_admin(username=username), a_session(), "token-1", key, at, lifetime)


def decoded(text: str, key: SigningKey) -> Any:
    """What the token says, verified with the published key alone."""
    return jwt.decode(text, OKPKey.import_key(rules.published_key(key)), algorithms=["Ed25519"])


def test_a_token_says_who_for_whom_from_when_until_when_and_nothing_else() -> None:
    key = rules.new_signing_key("key-1", NOON)
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
    key = rules.new_signing_key("key-1", NOON)
    claims = decoded(token(key, at, lifetime, username), key).claims
    assert claims["username"] == username
    assert claims["iat"] <= at.timestamp() < claims["iat"] + 1
    assert claims["exp"] <= (at + lifetime).timestamp() < claims["exp"] + 1


def test_a_token_of_one_key_is_not_one_of_another() -> None:
    one, other = rules.new_signing_key("key-1", NOON), rules.new_signing_key("key-1", NOON)
    with pytest.raises(BadSignatureError):
        decoded(token(one), other)


def test_a_new_key_signs_from_now_on() -> None:
    key = rules.new_signing_key("key-1", NOON)
    assert (key.id, key.created_at, key.retired_at) == ("key-1", NOON, None)
    private, public = json.loads(key.private_key), json.loads(key.public_key)
    assert (private["kty"], private["crv"], set(private) - set(public)) == ("OKP", "Ed25519", {"d"})


def test_a_published_key_has_no_private_part() -> None:
    key = rules.new_signing_key("key-1", NOON)
    published = rules.published_key(key)
    assert published == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": json.loads(key.private_key)["x"],
        "kid": "key-1",
        "use": "sig",
        "alg": "Ed25519",
    }
    assert json.loads(key.private_key)["d"] not in json.dumps(published)


def test_no_two_keys_are_alike() -> None:
    keys = [rules.new_signing_key("key-1", NOON) for _ in range(20)]
    assert len({key.private_key for key in keys}) == 20
