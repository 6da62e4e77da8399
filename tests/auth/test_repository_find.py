"""What the old baseline's admins ask of an AuthStore: the contract, for the twin and for both engines."""

import pytest

from services.auth.repository.contracts import AuthStore
from tests.auth.examples import an_admin


def test_admins_are_found_by_id_or_name(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.admins.add(an_admin(id="admin-2", username="grace"))
    assert store.admins.find(["admin-1"], []) == [an_admin()]
    assert sorted(each.id for each in store.admins.find(["admin-1"], ["grace"])) == ["admin-1", "admin-2"]
    assert (store.admins.find(["ada"], ["admin-1"]), store.admins.find([], [])) == ([], [])


@pytest.mark.parametrize(
    ("hashes", "costliest"),
    [
        ([], None),
        (["$argon2id$v=19$", "x$2b$", ""], None),
        (["$2b$10$a", "$2a$12$b", "$2y$04$c", "$argon2id$v=19$"], "$2a$12$b"),
    ],
)
def test_the_costliest_old_hash_is_found_whatever_its_kind(
    store: AuthStore, hashes: list[str], costliest: str | None
) -> None:
    for number, password_hash in enumerate(hashes):
        store.admins.add(an_admin(id=f"admin-{number}", username=f"name-{number}", password_hash=password_hash))
    assert store.admins.costliest_bcrypt_hash() == costliest
