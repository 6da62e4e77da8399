"""services.auth.rules.stored: what is wrong with a stored key; no message repeats it."""

from dataclasses import replace

import pytest

from services.auth import rules
from tests.auth.examples import SEAL
from tests.clock import NOON

KEY = rules.new_signing_key("key-1", NOON, SEAL)
OTHER = rules.new_signing_key("key-2", NOON, SEAL)


def test_a_sound_key_breaks_no_rule() -> None:
    assert (list(rules.key_violations(KEY)), list(rules.seal_violations(KEY, SEAL))) == ([], [])


@pytest.mark.parametrize("public_key", ["canary", "", "{}", '{"x": "canary"}', "[1]", '{"kty": "OKP", "x": 1}'])
def test_a_public_part_that_cannot_be_read_is_seen_without_any_secret(public_key: str) -> None:
    key = replace(KEY, public_key=public_key)
    why = "its public part cannot be read: rotate the keys at once"
    assert list(rules.key_violations(key)) == [("signing_key_public", why)]


def test_parts_of_two_keys_are_seen_with_the_secret() -> None:
    key = replace(KEY, public_key=OTHER.public_key)
    why = "its two parts are not of one key: rotate the keys at once"
    assert (list(rules.key_violations(key)), list(rules.seal_violations(key, SEAL))) == ([], [("signing_key", why)])


def test_a_private_part_that_another_secret_sealed_names_the_variable() -> None:
    [(rule, why)] = rules.seal_violations(KEY, rules.derived_key("another secret", rules.SEALING))
    assert rule == "signing_key"
    assert why.startswith("SIGNING_KEY_SECRET does not open the signing key key-1: ")
