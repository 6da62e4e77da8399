"""services.auth.rules.invitations: what is made of an Idempotency-Key tells nothing of it, and never the same twice."""

from itertools import product

from services.auth import rules

SECRETS = [rules.derived_key(secret, rules.INVITATIONS) for secret in ("a secret", "another secret")]
KEYS, PEOPLE = ("key-1", "key-2", "key-1 admin-1"), ("admin-1", "admin-2")


def test_another_key_another_person_or_another_secret_makes_another_password() -> None:
    seeds = [rules.invitation_seed(*each) for each in product(KEYS, PEOPLE, SECRETS)]
    assert seeds == [rules.invitation_seed(*each) for each in product(KEYS, PEOPLE, SECRETS)]
    assert len(set(seeds)) == len(seeds)
    assert {len(seed) for seed in seeds} == {32}


def test_what_the_answer_is_kept_under_is_neither_the_key_nor_of_what_the_password_is_made() -> None:
    ids = [rules.kept_under(*each) for each in product(KEYS, SECRETS)]
    assert len(set(ids)) == len(ids)
    assert {len(bytes.fromhex(each)) for each in ids} == {32}
    seeds = {rules.invitation_seed(*each).hex() for each in product(KEYS, PEOPLE, SECRETS)}
    assert seeds.isdisjoint(ids)


def test_the_secret_is_for_nothing_else() -> None:
    assert (
        len({rules.derived_key("a secret", each) for each in (rules.INVITATIONS, rules.SEALING, rules.SUCCESSION)}) == 3
    )
