"""The seeds and storage ids of invitations under an Idempotency-Key."""

from itertools import product

from services.auth.rules.invitations import (
    INITIAL_PASSWORDS,
    INVITATIONS,
    initial_password_digest,
    invitation_seed,
    storage_id,
)
from services.auth.rules.keys import KEY_ENCRYPTION, REFRESH_TOKENS, derive_key

SECRETS = [derive_key(secret, INVITATIONS) for secret in ("a secret", "another secret")]
KEYS, PEOPLE = ("key-1", "key-2", "key-1 admin-1"), ("admin-1", "admin-2")


def test_another_key_person_or_secret_gives_another_seed() -> None:
    seeds = [invitation_seed(*each) for each in product(KEYS, PEOPLE, SECRETS)]
    assert seeds == [invitation_seed(*each) for each in product(KEYS, PEOPLE, SECRETS)]
    assert (len(set(seeds)), {len(seed) for seed in seeds}) == (len(seeds), {32})


def test_storage_ids_differ_from_each_other_and_from_seeds() -> None:
    ids = [storage_id(*each) for each in product(KEYS, SECRETS)]
    assert (len(set(ids)), {len(bytes.fromhex(each)) for each in ids}) == (len(ids), {32})
    assert {invitation_seed(*each).hex() for each in product(KEYS, PEOPLE, SECRETS)}.isdisjoint(ids)


def test_the_digest_of_an_initial_password_ends_with_its_hash_or_the_secret() -> None:
    passwords, hashes = ("k7mp-x3wq", "k7mp-x3wr"), ("$argon2id$1", "$argon2id$2")
    digests = [initial_password_digest(*each) for each in product(passwords, hashes, SECRETS)]
    assert (len(set(digests)), {len(bytes.fromhex(each)) for each in digests}) == (len(digests), {32})


def test_each_purpose_has_a_key_of_its_own() -> None:
    purposes = (INVITATIONS, INITIAL_PASSWORDS, KEY_ENCRYPTION, REFRESH_TOKENS)
    assert len({derive_key("a secret", each) for each in purposes}) == 4
