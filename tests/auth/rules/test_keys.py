"""services.auth.rules.keys: how a signing key is kept, when it signs, and how long it is published."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey, OKPKey

from services.auth import rules
from services.auth.entities import EVER, SigningKey
from services.auth.errors import KeyUnreadable
from services.kit.web.tokens.access import KEYS_LIFETIME
from tests.auth.examples import SEAL, a_key
from tests.clock import HOUR, MILLISECOND, NOON, SECOND

OTHER_SEAL = rules.derived_key("another secret", rules.SEALING)


def a_plain_key(key_id: str = "key-1") -> SigningKey:
    """As the first release kept them."""
    pair = OKPKey.generate_key("Ed25519")
    private, public = json.dumps(pair.as_dict(private=True)), json.dumps(pair.as_dict(private=False))
    return SigningKey(key_id, private, public, NOON, None)


def test_a_new_key_signs_from_ever_on_unless_it_is_told_when() -> None:
    key = rules.new_signing_key("key-1", NOON, SEAL)
    assert (key.id, key.created_at, key.retired_at, key.signs_from) == ("key-1", NOON, None, EVER)
    assert rules.new_signing_key("key-1", NOON, SEAL, NOON + HOUR).signs_from == NOON + HOUR


def test_a_published_key_has_no_private_part() -> None:
    key = rules.new_signing_key("key-1", NOON, SEAL)
    private = rules.opened(key, SEAL).as_dict(private=True)
    published = rules.published_key(key)
    assert published == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": private["x"],
        "kid": "key-1",
        "use": "sig",
        "alg": "Ed25519",
    }
    assert str(private["d"]) not in json.dumps(published)


def test_no_two_keys_are_alike() -> None:
    keys = [rules.new_signing_key("key-1", NOON, SEAL) for _ in range(20)]
    assert len({key.public_key for key in keys}) == 20


# How it is kept


def test_a_private_part_is_kept_as_a_jwe_that_shows_nothing_of_it() -> None:
    key = rules.new_signing_key("key-1", NOON, SEAL)
    header = jwe.decrypt_compact(key.private_key, OctKey.import_key(SEAL), algorithms=["dir", "A256GCM"]).headers()
    assert header == {"alg": "dir", "enc": "A256GCM", "kid": "key-1"}
    private = rules.opened(key, SEAL).as_dict(private=True)
    assert (private["kty"], private["crv"], private["x"]) == ("OKP", "Ed25519", json.loads(key.public_key)["x"])
    assert str(private["d"]) not in key.private_key + key.public_key + repr(key)


def test_the_same_key_is_never_sealed_the_same_twice() -> None:
    plain = a_plain_key()
    assert len({rules.sealed(plain, SEAL).private_key for _ in range(20)}) == 20


@given(secret=st.text(min_size=1), other=st.text(min_size=1))
def test_another_secret_or_another_purpose_gives_another_key_of_256_bits(secret: str, other: str) -> None:
    key = rules.derived_key(secret, rules.SEALING)
    assert (len(key), rules.derived_key(secret, rules.SEALING)) == (32, key)
    assert rules.derived_key(secret, rules.SUCCESSION) != key
    assert (rules.derived_key(other, rules.SEALING) == key) is (secret == other)


def test_a_key_of_the_first_release_is_read_and_can_be_sealed() -> None:
    plain = a_plain_key()
    sealed = rules.sealed(plain, SEAL)
    assert (rules.is_sealed(plain), rules.is_sealed(sealed)) == (False, True)
    assert replace(sealed, private_key=plain.private_key) == plain
    opened = [rules.opened(each, SEAL).as_dict(private=True) for each in (plain, sealed)]
    assert opened[0] == opened[1] == json.loads(plain.private_key)


def broken(key: SigningKey) -> dict[str, SigningKey]:
    """Whatever else can stand where the private part should."""
    head, _, iv, text, tag = key.private_key.split(".")
    none = jwe.encrypt_compact({"alg": "dir", "enc": "A128GCM", "kid": "key-1"}, b"{}", OctKey.import_key(SEAL[:16]))
    words = {
        "another row's": rules.sealed(a_plain_key("key-2"), SEAL).private_key,
        "nothing": "",
        "an object": "{}",
        "a list": "[1]",
        "no JSON": "{x",
        "dots": "....",
        "words": "canary",
        "cut off": key.private_key[:-4],
        "another tag": ".".join([head, "", iv, text, tag[::-1]]),
        "another text": ".".join([head, "", iv, text[::-1], tag]),
        "another algorithm": none,
    }
    return {name: replace(key, private_key=text) for name, text in words.items()}


@pytest.mark.parametrize("what", broken(rules.new_signing_key("key-1", NOON, SEAL)))
def test_what_does_not_open_is_said_to_be_so_with_the_variable_and_without_a_secret(what: str) -> None:
    key = broken(rules.new_signing_key("key-1", NOON, SEAL))[what]
    with pytest.raises(KeyUnreadable) as refusal:
        rules.opened(key, SEAL)
    assert str(refusal.value) == (
        "SIGNING_KEY_SECRET does not open the signing key key-1: set the secret that it was made with, or run "
        "`python -m services.auth keys rotate --at-once`, after which everyone has to sign in again"
    )


def test_another_secret_does_not_open_it() -> None:
    with pytest.raises(KeyUnreadable):
        rules.opened(rules.new_signing_key("key-1", NOON, SEAL), OTHER_SEAL)


# When it signs, and how long it is published


def test_a_key_waits_to_sign_for_longer_than_anyone_keeps_the_keys_before() -> None:
    assert rules.KEY_LEAD > KEYS_LIFETIME


@pytest.mark.parametrize(
    ("retired_at", "published", "forgotten"),
    [
        (None, True, False),
        (NOON + MILLISECOND, True, False),
        (NOON, False, False),
        (NOON - timedelta(days=1) + MILLISECOND, False, False),
        (NOON - timedelta(days=1), False, True),
    ],
)
def test_a_key_is_published_until_it_is_retired_and_forgotten_a_day_later(
    retired_at: datetime | None, published: bool, forgotten: bool
) -> None:
    key = a_key(retired_at=retired_at)
    assert (rules.is_published(key, NOON), rules.is_forgotten(key, NOON)) == (published, forgotten)


def test_of_no_keys_none_signs_and_none_waits() -> None:
    assert (rules.signing_key([], NOON), rules.waiting_key([], NOON)) == (None, None)


def test_the_latest_of_those_that_may_sign_does_at_its_instant_and_not_before() -> None:
    first, second = a_key(id="first"), a_key(id="second", signs_from=NOON + HOUR)
    keys = [second, first]
    for at, signing, waiting in (
        (NOON, first, second),
        (NOON + HOUR - MILLISECOND, first, second),
        (NOON + HOUR, second, None),
        (NOON + 2 * HOUR, second, None),
    ):
        assert (rules.signing_key(keys, at), rules.waiting_key(keys, at)) == (signing, waiting)


def test_of_two_keys_of_the_first_release_the_newer_signs() -> None:
    older, newer = a_key(id="older"), a_key(id="newer", created_at=NOON + SECOND)
    for keys in ([older, newer], [newer, older]):
        assert rules.signing_key(keys, NOON + HOUR) == newer


def test_a_retired_key_neither_signs_nor_waits() -> None:
    keys = [a_key(retired_at=NOON), a_key(id="key-2", signs_from=NOON + HOUR, retired_at=NOON)]
    assert (rules.signing_key(keys, NOON), rules.waiting_key(keys, NOON)) == (None, None)


def test_the_key_before_is_published_until_the_last_token_that_it_signed_is_over() -> None:
    successor = a_key(signs_from=NOON + HOUR)
    assert rules.last_use(successor, timedelta(minutes=15)) == NOON + HOUR + timedelta(minutes=16)
