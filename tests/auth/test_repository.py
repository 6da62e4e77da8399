"""The contract of AuthStore: one suite for the in-memory twin, for SQLite and for PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta

import peewee
import pytest
from hypothesis import given

from services.auth.entities import Admin, Session, SigningKey
from services.auth.errors import AdminNotFound, SessionNotFound, UsernameTaken
from services.auth.models import AdminRow
from services.auth.repository import AuthStore, PeeweeAuthStore
from tests.auth.examples import a_key, a_session, an_admin
from tests.clock import LATER, MILLISECOND, NOON, SECOND
from tests.stores import TEXTS, over_one_store, undone

# Admins


def test_an_added_admin_comes_back_whole(store: AuthStore) -> None:
    admin = an_admin(updated_at=LATER)
    store.admins.add(admin)
    assert store.admins.get_by_username("ada") == admin


@over_one_store
@given(username=TEXTS, password_hash=TEXTS)
def test_names_of_every_script_come_back_as_they_were(store: AuthStore, username: str, password_hash: str) -> None:
    admin = an_admin(username=username, password_hash=password_hash)
    with undone(store):
        store.admins.add(admin)
        assert store.admins.get_by_username(username) == admin


@pytest.mark.parametrize("username", ["ADA", "ada ", "", "a%", "ad_", "åda"])
def test_a_name_is_only_that_name(store: AuthStore, username: str) -> None:
    store.admins.add(an_admin())
    with pytest.raises(AdminNotFound):
        store.admins.get_by_username(username)


def test_two_admins_cannot_have_one_name(store: AuthStore) -> None:
    store.admins.add(an_admin())
    with store.transaction():
        with pytest.raises(UsernameTaken):
            store.admins.add(an_admin(id="admin-2"))
        # The refusal leaves the transaction usable.
        store.admins.add(an_admin(id="admin-3", username="grace"))
    assert store.admins.get_by_username("ada") == an_admin()
    assert store.admins.get_by_username("grace") == an_admin(id="admin-3", username="grace")


def test_a_name_that_tells_of_a_constraint_is_no_breach_of_it(store: AuthStore) -> None:
    store.admins.add(an_admin())
    with pytest.raises(peewee.IntegrityError), store.transaction():
        store.admins.add(an_admin(username="admins_username: admins.username foreign key"))
    with pytest.raises(AdminNotFound):
        store.admins.get_by_username("admins_username: admins.username foreign key")


def test_admins_are_counted(store: AuthStore) -> None:
    counts = [store.admins.count()]
    for admin in (an_admin(), an_admin(id="admin-2", username="grace")):
        store.admins.add(admin)
        counts.append(store.admins.count())
    with pytest.raises(UsernameTaken):
        store.admins.add(an_admin(id="admin-3"))
    assert [*counts, store.admins.count()] == [0, 1, 2, 2]


def test_a_replaced_password_changes_that_admin_and_when_it_was_changed(store: AuthStore) -> None:
    other = an_admin(id="admin-2", username="grace")
    store.admins.add(an_admin())
    store.admins.add(other)
    store.admins.replace_password("admin-1", "another hash", LATER)
    assert store.admins.get_by_username("ada") == an_admin(password_hash="another hash", updated_at=LATER)
    assert store.admins.get_by_username("grace") == other


def test_the_password_of_nobody_is_not_replaced(store: AuthStore) -> None:
    with pytest.raises(AdminNotFound):
        store.admins.replace_password("admin-9", "hash", NOON)


# Sessions


def test_an_added_session_comes_back_whole(store: AuthStore) -> None:
    store.admins.add(an_admin())
    ended = a_session(id="session-2", ended_at=LATER)
    for session in (a_session(), ended):
        store.sessions.add(session)
    assert (store.sessions.get("session-1"), store.sessions.get("session-2")) == (a_session(), ended)


def test_a_session_needs_its_admin(store: AuthStore) -> None:
    store.admins.add(an_admin())
    with store.transaction():
        with pytest.raises(AdminNotFound):
            store.sessions.add(a_session(admin_id="admin-9"))
        store.sessions.add(a_session())
    assert store.sessions.get("session-1") == a_session()


def test_a_session_whose_id_is_taken_is_refused(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    with pytest.raises(peewee.IntegrityError), store.transaction():
        store.sessions.add(a_session(ended_at=LATER))
    assert store.sessions.get("session-1") == a_session()


def test_a_session_ends_once(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    store.sessions.add(a_session(id="session-2"))
    store.sessions.end("session-1", LATER)
    with pytest.raises(SessionNotFound):
        store.sessions.end("session-1", LATER + SECOND)
    assert store.sessions.get("session-1") == a_session(ended_at=LATER)
    assert store.sessions.get("session-2") == a_session(id="session-2")


def test_an_unknown_session_is_not_found(store: AuthStore) -> None:
    with pytest.raises(SessionNotFound):
        store.sessions.get("session-9")
    with pytest.raises(SessionNotFound):
        store.sessions.end("session-9", NOON)


def test_sessions_that_are_over_are_forgotten_at_the_moment_they_expire(store: AuthStore) -> None:
    store.admins.add(an_admin())
    at = a_session().expires_at
    for number, expires_at in enumerate([at - MILLISECOND, at, at + MILLISECOND]):
        store.sessions.add(a_session(id=f"session-{number}", expires_at=expires_at))
    assert store.sessions.remove_expired(at) == 2
    assert store.sessions.remove_expired(at) == 0
    assert store.sessions.get("session-2") == a_session(id="session-2", expires_at=at + MILLISECOND)
    for session_id in ("session-0", "session-1"):
        with pytest.raises(SessionNotFound):
            store.sessions.get(session_id)


# Signing keys


def test_an_empty_store_has_no_signing_key(store: AuthStore) -> None:
    assert list(store.signing_keys.list()) == []


def test_keys_are_listed_oldest_first_and_by_id_where_that_ties_without_the_retired(store: AuthStore) -> None:
    oldest, tied, also_tied = a_key(id="d", created_at=NOON - SECOND), a_key(id="b"), a_key(id="c")
    for key in (also_tied, tied, a_key(id="a", retired_at=NOON), oldest):
        store.signing_keys.add(key)
    assert list(store.signing_keys.list()) == [oldest, tied, also_tied]


def test_a_key_whose_id_is_taken_is_refused(store: AuthStore) -> None:
    store.signing_keys.add(a_key())
    with pytest.raises(peewee.IntegrityError), store.transaction():
        store.signing_keys.add(a_key(private_key="{}"))
    assert list(store.signing_keys.list()) == [a_key()]


# Transactions


WRITES: dict[str, Callable[[AuthStore], object]] = {
    "add an admin": lambda store: store.admins.add(an_admin(id="admin-2", username="grace")),
    "replace a password": lambda store: store.admins.replace_password("admin-1", "another hash", LATER),
    "add a session": lambda store: store.sessions.add(a_session(id="session-2")),
    "end a session": lambda store: store.sessions.end("session-1", LATER),
    "remove sessions": lambda store: store.sessions.remove_expired(a_session().expires_at),
    "add a key": lambda store: store.signing_keys.add(a_key(id="key-2")),
}


def everything(store: AuthStore) -> list[Admin | Session | SigningKey | None]:
    """All that these writes could have touched."""
    found: list[Admin | Session | SigningKey | None] = list(store.signing_keys.list())
    for username in ("ada", "grace"):
        try:
            found.append(store.admins.get_by_username(username))
        except AdminNotFound:
            found.append(None)
    for session_id in ("session-1", "session-2"):
        try:
            found.append(store.sessions.get(session_id))
        except SessionNotFound:
            found.append(None)
    return found


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_exception_in_a_transaction_undoes_every_write(
    store: AuthStore, write: Callable[[AuthStore], object]
) -> None:
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    store.signing_keys.add(a_key())
    before = everything(store)
    with undone(store):
        write(store)
        assert everything(store) != before
    assert everything(store) == before


# What only a database sees


def test_the_database_refuses_an_admin_without_a_name(auth_database: peewee.Database) -> None:
    with pytest.raises(peewee.IntegrityError) as refusal:
        PeeweeAuthStore(auth_database).admins.add(an_admin(username=""))
    assert "admins_username_not_empty" in str(refusal.value)


@pytest.mark.parametrize("lasting", [timedelta(0), -SECOND])
def test_the_database_refuses_a_session_that_is_over_when_it_begins(
    auth_database: peewee.Database, lasting: timedelta
) -> None:
    store = PeeweeAuthStore(auth_database)
    store.admins.add(an_admin())
    with pytest.raises(peewee.IntegrityError) as refusal:
        store.sessions.add(a_session(expires_at=NOON + lasting))
    assert "sessions_window" in str(refusal.value)


def test_the_sessions_of_an_admin_go_with_the_admin(auth_database: peewee.Database) -> None:
    store = PeeweeAuthStore(auth_database)
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    AdminRow.delete().execute(auth_database)
    with pytest.raises(SessionNotFound):
        store.sessions.get("session-1")
