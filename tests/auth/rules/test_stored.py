"""The rules of stored signing keys; no message repeats a key. Admins are checked in tests/auth/test_integrity.py."""

from dataclasses import replace

import pytest

from services.auth.rules.keys import KEY_ENCRYPTION, derive_key, new_signing_key
from services.auth.rules.stored import key_violations, private_key_violations
from tests.auth.examples import ENCRYPTION_KEY
from tests.clock import NOON

KEY, OTHER = (new_signing_key(each, NOON, ENCRYPTION_KEY) for each in ("key-1", "key-2"))


def test_a_sound_key_breaks_no_rule() -> None:
    assert (list(key_violations(KEY)), list(private_key_violations(KEY, ENCRYPTION_KEY))) == ([], [])


@pytest.mark.parametrize("public_key", ["canary", "", "{}", '{"x": "canary"}', "[1]", '{"kty": "OKP", "x": 1}'])
def test_an_unreadable_public_part_is_found_without_a_secret(public_key: str) -> None:
    message = "its public part cannot be read: rotate the keys at once"
    assert list(key_violations(replace(KEY, public_key=public_key))) == [("signing_key_public", message)]


def test_parts_of_two_keys_are_found_with_the_secret() -> None:
    key = replace(KEY, public_key=OTHER.public_key)
    message = "its two parts are not of one key: rotate the keys at once"
    assert list(key_violations(key)) == []
    assert list(private_key_violations(key, ENCRYPTION_KEY)) == [("signing_key", message)]


def test_a_key_of_another_secret_names_the_setting() -> None:
    [(rule, message)] = private_key_violations(KEY, derive_key("another secret", KEY_ENCRYPTION))
    assert rule == "signing_key"
    assert message.startswith("SIGNING_KEY_SECRET does not open the signing key key-1: ")
