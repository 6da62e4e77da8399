"""What managing people asks of an AuthStore: one suite for the in-memory twin, for SQLite and for PostgreSQL."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.entities import Admin
from services.auth.errors import AdminNotFound, UsernameTaken
from services.auth.repository.contracts import AuthStore, admin_key
from services.kit.web.pages import PageRequest
from tests.auth.entries import entries_of
from tests.auth.examples import a_session, an_admin
from tests.clock import LATER, NOON, SECOND
from tests.stores import over_one_store, turned_over, undone

GRACE = an_admin(id="admin-2", username="grace", role="editor")


def test_an_admin_is_got_by_id_for_update_or_not(store: AuthStore) -> None:
    whole = an_admin(role="viewer", disabled_at=LATER, initial_password_ends_at=LATER + SECOND)
    store.admins.add(whole)
    with store.transaction():
        assert (store.admins.get("admin-1"), store.admins.get("admin-1", for_update=True)) == (whole, whole)
    for for_update in (False, True):
        with pytest.raises(AdminNotFound), store.transaction():
            store.admins.get("ada", for_update=for_update)


def test_a_saved_admin_replaces_the_one_of_that_id(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.admins.add(GRACE)
    changed = an_admin(
        username="lovelace",
        password_hash="another",
        role="viewer",
        updated_at=LATER,
        disabled_at=NOON,
        initial_password_ends_at=LATER,
    )
    store.admins.save(changed)
    assert (store.admins.get("admin-1"), store.admins.get("admin-2")) == (changed, GRACE)


def test_nobody_is_not_saved_and_a_taken_name_is_refused(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.admins.add(GRACE)
    with store.transaction():
        with pytest.raises(AdminNotFound):
            store.admins.save(an_admin(id="admin-9", username="nobody"))
        with pytest.raises(UsernameTaken):
            store.admins.save(an_admin(username="grace"))
        # Neither refusal spoils the transaction.
        store.admins.save(an_admin(role="editor"))
    assert store.admins.list() == [an_admin(role="editor"), GRACE]


def test_people_are_listed_by_creation_and_by_id_where_that_ties(store: AuthStore) -> None:
    oldest = an_admin(id="admin-9", username="oldest", created_at=NOON - SECOND)
    for admin in (GRACE, an_admin(), oldest):
        store.admins.add(admin)
    assert store.admins.list() == [oldest, an_admin(), GRACE]


@over_one_store
@given(st.lists(st.integers(0, 3), max_size=7), st.integers(1, 4))
def test_page_by_page_everybody_comes_once(store: AuthStore, seconds: list[int], limit: int) -> None:
    with undone(store):
        for number, second in enumerate(seconds):
            store.admins.add(an_admin(id=f"{number}", username=f"name {number}", created_at=NOON + second * SECOND))
        assert turned_over(store.admins.list, admin_key, limit) == store.admins.list()


def test_a_page_begins_behind_a_place_that_need_not_be_taken(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.admins.add(GRACE)
    behind_ada = PageRequest(10, (admin_key(an_admin())[0], "admin-1x"))
    assert store.admins.list(behind_ada) == [GRACE]


def test_the_owners_are_those_of_that_role_disabled_or_not(store: AuthStore) -> None:
    disabled = an_admin(id="admin-3", username="ida", disabled_at=NOON)
    viewer = an_admin(id="admin-4", username="vera", role="viewer")
    for admin in (disabled, viewer, GRACE, an_admin()):
        store.admins.add(admin)
    with store.transaction():
        assert store.admins.hold_owners() == [an_admin(), disabled]


def test_the_sessions_of_an_admin_that_go_on_end_all_at_once(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.admins.add(GRACE)
    ended = a_session(id="session-3", ended_at=NOON)
    others = a_session(id="session-4", admin_id="admin-2")
    for session in (a_session(id="session-2"), a_session(), ended, others):
        store.sessions.add(session)
    with store.transaction():
        assert store.sessions.end_all_of("admin-1", LATER) == ["session-1", "session-2"]
        assert store.sessions.end_all_of("admin-1", LATER + SECOND) == []
    found = [store.sessions.get(f"session-{number}") for number in (1, 2, 3, 4)]
    assert found == [a_session(ended_at=LATER), a_session(id="session-2", ended_at=LATER), ended, others]


def test_entries_are_of_the_transaction_and_in_order(store: AuthStore) -> None:
    with undone(store):
        store.audit.append([("admin.invited", "admin-8")])
    with store.transaction():
        store.audit.append([])
        store.audit.append([("admin.invited", "admin-1"), ("admin.disabled", "admin-1")])
    assert entries_of(store) == [("admin.invited", "admin-1"), ("admin.disabled", "admin-1")]


WRITES: dict[str, Callable[[AuthStore], object]] = {
    "save": lambda store: store.admins.save(an_admin(role="viewer")),
    "end sessions": lambda store: store.sessions.end_all_of("admin-1", LATER),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_exception_in_a_transaction_undoes_every_write(
    store: AuthStore, write: Callable[[AuthStore], object]
) -> None:
    store.admins.add(an_admin())
    store.sessions.add(a_session())

    def everything() -> tuple[Admin, object]:
        return store.admins.get("admin-1"), store.sessions.get("session-1")

    before = everything()
    with undone(store):
        write(store)
        assert everything() != before
    assert everything() == before
