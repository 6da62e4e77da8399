"""The rules of signing keys: encryption, publication, and which key signs."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey

from services.auth.entities import EVER, SigningKey
from services.auth.errors import KeyUnreadable
from services.auth.rules import keys
from services.kit.web.tokens.access import KEYS_LIFETIME
from tests.auth.examples import ENCRYPTION_KEY, a_key, a_plain_key
from tests.clock import HOUR, MILLISECOND, NOON, SECOND


def a_new_key() -> SigningKey:
    return keys.new_signing_key("key-1", NOON, ENCRYPTION_KEY)


def test_a_new_key_signs_at_once_unless_an_instant_is_given() -> None:
    key = a_new_key()
    assert (key.id, key.created_at, key.retired_at, key.signs_from) == ("key-1", NOON, None, EVER)
    assert keys.new_signing_key("key-1", NOON, ENCRYPTION_KEY, NOON + HOUR).signs_from == NOON + HOUR
    assert len({a_new_key().public_key for _ in range(20)}) == 20


def test_a_published_key_has_no_private_part() -> None:
    key = a_new_key()
    x = keys.decrypt_private_key(key, ENCRYPTION_KEY).as_dict(private=True)["x"]
    expected = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "key-1", "use": "sig", "alg": "Ed25519"}
    assert keys.public_jwk(key) == expected


# Encryption


def test_the_private_part_is_stored_as_a_jwe() -> None:
    key = a_new_key()
    encryption_key = OctKey.import_key(ENCRYPTION_KEY)
    header = jwe.decrypt_compact(key.private_key, encryption_key, algorithms=["dir", "A256GCM"]).headers()
    assert header == {"alg": "dir", "enc": "A256GCM", "kid": "key-1"}
    private = keys.decrypt_private_key(key, ENCRYPTION_KEY).as_dict(private=True)
    assert (private["kty"], private["crv"], private["x"]) == ("OKP", "Ed25519", json.loads(key.public_key)["x"])
    assert str(private["d"]) not in key.private_key + key.public_key + repr(key)


def test_two_encryptions_of_one_key_differ() -> None:
    plain = a_plain_key()
    assert len({keys.encrypted(plain, ENCRYPTION_KEY).private_key for _ in range(20)}) == 20


@given(secret=st.text(min_size=1), other=st.text(min_size=1))
def test_another_secret_or_purpose_derives_another_key_of_256_bits(secret: str, other: str) -> None:
    key = keys.derive_key(secret, keys.KEY_ENCRYPTION)
    assert (len(key), keys.derive_key(secret, keys.KEY_ENCRYPTION)) == (32, key)
    assert keys.derive_key(secret, keys.REFRESH_TOKENS) != key
    assert (keys.derive_key(other, keys.KEY_ENCRYPTION) == key) is (secret == other)


def test_a_key_of_the_first_release_can_be_read_and_encrypted() -> None:
    plain = a_plain_key()
    encrypted = keys.encrypted(plain, ENCRYPTION_KEY)
    assert (keys.is_encrypted(plain), keys.is_encrypted(encrypted)) == (False, True)
    assert replace(encrypted, private_key=plain.private_key) == plain
    for each in (plain, encrypted):
        assert keys.decrypt_private_key(each, ENCRYPTION_KEY).as_dict(private=True) == json.loads(plain.private_key)


def unreadable(key: SigningKey) -> dict[str, str]:
    """Return texts that are not the encrypted private part of this key."""
    head, _, iv, text, tag = key.private_key.split(".")
    short_key = OctKey.import_key(ENCRYPTION_KEY[:16])
    return {
        "another row's": keys.encrypted(a_plain_key("key-2"), ENCRYPTION_KEY).private_key,
        "another secret's": keys.encrypted(a_plain_key(), keys.derive_key("other", keys.KEY_ENCRYPTION)).private_key,
        "empty": "",
        "an object": "{}",
        "a list": "[1]",
        "invalid JSON": "{x",
        "dots": "....",
        "a word": "canary",
        "truncated": key.private_key[:-4],
        "another tag": ".".join([head, "", iv, text, tag[::-1]]),
        "another text": ".".join([head, "", iv, text[::-1], tag]),
        "another algorithm": jwe.encrypt_compact({"alg": "dir", "enc": "A128GCM", "kid": "key-1"}, b"{}", short_key),
    }


@pytest.mark.parametrize("name", unreadable(a_new_key()))
def test_an_unreadable_key_names_the_setting_and_no_secret(name: str) -> None:
    key = a_new_key()
    with pytest.raises(KeyUnreadable) as error:
        keys.decrypt_private_key(replace(key, private_key=unreadable(key)[name]), ENCRYPTION_KEY)
    assert str(error.value) == (
        "SIGNING_KEY_SECRET does not open the signing key key-1: set the secret that it was made with, or run "
        "`python -m services.auth keys rotate --at-once`, after which everyone has to sign in again"
    )


# Signing and publication


def test_a_new_key_waits_longer_than_verifiers_keep_old_keys() -> None:
    assert keys.KEY_LEAD > KEYS_LIFETIME


@pytest.mark.parametrize(
    ("retired_at", "is_published", "is_removable"),
    [
        (None, True, False),
        (NOON + MILLISECOND, True, False),
        (NOON, False, False),
        (NOON - timedelta(days=1) + MILLISECOND, False, False),
        (NOON - timedelta(days=1), False, True),
    ],
)
def test_a_key_is_published_until_it_retires_and_removed_a_day_later(
    retired_at: datetime | None, is_published: bool, is_removable: bool
) -> None:
    key = a_key(retired_at=retired_at)
    assert (keys.is_published(key, NOON), keys.is_removable(key, NOON)) == (is_published, is_removable)


def test_a_later_key_signs_from_its_instant_on() -> None:
    first, second = a_key(id="first"), a_key(id="second", signs_from=NOON + HOUR)
    for at, signing, waiting in (
        (NOON, first, second),
        (NOON + HOUR - MILLISECOND, first, second),
        (NOON + HOUR, second, None),
    ):
        assert (keys.signing_key([second, first], at), keys.waiting_key([second, first], at)) == (signing, waiting)


def test_of_two_keys_of_the_first_release_the_newer_signs() -> None:
    older, newer = a_key(id="older"), a_key(id="newer", created_at=NOON + SECOND)
    for each in ([older, newer], [newer, older]):
        assert keys.signing_key(each, NOON + HOUR) == newer


def test_a_retired_key_neither_signs_nor_waits() -> None:
    retired = [a_key(retired_at=NOON), a_key(id="key-2", signs_from=NOON + HOUR, retired_at=NOON)]
    for each in (retired, []):
        assert (keys.signing_key(each, NOON), keys.waiting_key(each, NOON)) == (None, None)


def test_the_previous_key_is_published_until_its_last_token_expires() -> None:
    successor = a_key(signs_from=NOON + HOUR)
    assert keys.publication_end(successor, timedelta(minutes=15)) == NOON + HOUR + timedelta(minutes=16)
