"""The contract of AuthStore: one suite for the in-memory twin, for SQLite and for PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta

import peewee
import pytest
from hypothesis import given

from services.auth.entities import Admin, RefreshToken, Session, SigningKey
from services.auth.errors import AdminNotFound, SessionNotFound, UsernameTaken
from services.auth.models import AdminRow
from services.auth.repository.contracts import AuthStore
from services.auth.repository.store import PeeweeAuthStore
from tests.auth.examples import a_key, a_refresh_token, a_session, an_admin
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


def test_a_name_that_tells_of_a_constraint_is_no_violation_of_it(store: AuthStore) -> None:
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
    store.admins.save(an_admin(password_hash="another hash", updated_at=LATER))
    assert store.admins.get_by_username("ada") == an_admin(password_hash="another hash", updated_at=LATER)
    assert store.admins.get_by_username("grace") == other


def test_an_admin_comes_back_by_id_whether_it_is_held_or_not(store: AuthStore) -> None:
    admin = an_admin(role="viewer", disabled_at=LATER)
    store.admins.add(admin)
    store.admins.add(an_admin(id="admin-2", username="grace"))
    with store.transaction():
        found = [store.admins.get("admin-1", for_update=each) for each in (False, True)]
        for held in (False, True):
            with pytest.raises(AdminNotFound):
                store.admins.get("ada", for_update=held)
    assert found == [admin, admin]


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


def test_a_session_comes_back_the_same_when_it_is_held(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    with store.transaction():
        assert store.sessions.get("session-1", for_update=True) == a_session()


def test_all_sessions_of_an_admin_end_at_once_and_nobody_else_s(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.admins.add(an_admin(id="admin-2", username="grace"))
    before = a_session(id="b", ended_at=LATER)
    for session in (a_session(id="c"), before, a_session(id="a"), a_session(id="d", admin_id="admin-2")):
        store.sessions.add(session)
    at = LATER + SECOND
    assert [list(store.sessions.end_all_of("admin-1", at)) for _ in range(2)] == [["a", "c"], []]
    assert [store.sessions.get(each).ended_at for each in "abcd"] == [at, LATER, at, None]
    assert list(store.sessions.end_all_of("admin-9", at)) == []


def test_sessions_that_have_ended_after_an_instant_are_told_by_id_in_order(store: AuthStore) -> None:
    store.admins.add(an_admin())
    ends = {"d": NOON, "c": NOON + MILLISECOND, "b": LATER, "a": None}
    for session_id, ended_at in ends.items():
        store.sessions.add(a_session(id=session_id, ended_at=ended_at))
    ended = [list(store.sessions.ended_since(each)) for each in (NOON - SECOND, NOON, LATER)]
    assert ended == [["b", "c", "d"], ["b", "c"], []]


def test_an_unknown_session_is_not_found(store: AuthStore) -> None:
    for held in (False, True):
        with pytest.raises(SessionNotFound), store.transaction():
            store.sessions.get("session-9", for_update=held)
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


# Refresh tokens


def test_an_added_refresh_token_comes_back_whole(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    used = a_refresh_token(id="token-2", used_at=LATER)
    for token in (a_refresh_token(), used):
        store.refresh_tokens.add(token)
    found = [store.refresh_tokens.find(each) for each in ("token-1", "token-2", "token-3", "")]
    assert found == [a_refresh_token(), used, None, None]


def test_a_refresh_token_needs_its_session(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    with store.transaction():
        with pytest.raises(SessionNotFound):
            store.refresh_tokens.add(a_refresh_token(session_id="session-9"))
        # The refusal leaves the transaction usable.
        store.refresh_tokens.add(a_refresh_token())
    assert store.refresh_tokens.find("token-1") == a_refresh_token()


def test_a_refresh_token_that_is_there_is_not_added_again(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    store.refresh_tokens.add(a_refresh_token())
    with pytest.raises(peewee.IntegrityError), store.transaction():
        store.refresh_tokens.add(a_refresh_token(used_at=LATER))
    assert store.refresh_tokens.find("token-1") == a_refresh_token()


def test_a_used_refresh_token_says_when_and_another_does_not(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    other = a_refresh_token(id="token-2")
    for token in (a_refresh_token(), other):
        store.refresh_tokens.add(token)
    store.refresh_tokens.use("token-1", LATER)
    found = [store.refresh_tokens.find(each) for each in ("token-1", "token-2")]
    assert found == [a_refresh_token(used_at=LATER), other]


def test_refresh_tokens_go_with_their_session(store: AuthStore) -> None:
    store.admins.add(an_admin())
    later = a_session(id="session-2", expires_at=LATER + timedelta(days=1))
    for session in (a_session(), later):
        store.sessions.add(session)
    kept = a_refresh_token(id="token-2", session_id="session-2")
    for token in (a_refresh_token(), kept):
        store.refresh_tokens.add(token)
    store.sessions.remove_expired(a_session().expires_at)
    assert [store.refresh_tokens.find(each) for each in ("token-1", "token-2")] == [None, kept]


# Signing keys


def test_an_empty_store_has_no_signing_key(store: AuthStore) -> None:
    assert list(store.signing_keys.list()) == []


def test_keys_are_listed_oldest_first_and_by_id_where_that_ties(store: AuthStore) -> None:
    oldest, tied, also_tied = a_key(id="d", created_at=NOON - SECOND), a_key(id="b"), a_key(id="c")
    retired = a_key(id="a", created_at=LATER, retired_at=NOON, signs_from=LATER)
    for key in (also_tied, tied, retired, oldest):
        store.signing_keys.add(key)
    assert list(store.signing_keys.list()) == [oldest, tied, also_tied, retired]


def test_a_saved_key_takes_the_place_of_the_one_before(store: AuthStore) -> None:
    other = a_key(id="key-2")
    store.signing_keys.add(a_key())
    store.signing_keys.add(other)
    changed = a_key(private_key="another", public_key="another", retired_at=LATER, signs_from=LATER)
    store.signing_keys.save(changed)
    store.signing_keys.save(a_key(id="key-9"))
    assert list(store.signing_keys.list()) == [changed, other]


def test_a_removed_key_is_gone_and_another_stays(store: AuthStore) -> None:
    other = a_key(id="key-2")
    store.signing_keys.add(a_key())
    store.signing_keys.add(other)
    for key_id in ("key-1", "key-1", "key-9"):
        store.signing_keys.remove(key_id)
    assert list(store.signing_keys.list()) == [other]


def test_whoever_holds_the_keys_can_go_on_with_them(store: AuthStore) -> None:
    with store.transaction():
        store.signing_keys.hold()
        store.signing_keys.add(a_key())
        store.signing_keys.hold()
    assert list(store.signing_keys.list()) == [a_key()]


def test_a_key_whose_id_is_taken_is_refused(store: AuthStore) -> None:
    store.signing_keys.add(a_key())
    with pytest.raises(peewee.IntegrityError), store.transaction():
        store.signing_keys.add(a_key(private_key="{}"))
    assert list(store.signing_keys.list()) == [a_key()]


# Transactions


WRITES: dict[str, Callable[[AuthStore], object]] = {
    "add an admin": lambda store: store.admins.add(an_admin(id="admin-2", username="grace")),
    "replace a password": lambda store: store.admins.save(an_admin(password_hash="another hash", updated_at=LATER)),
    "add a session": lambda store: store.sessions.add(a_session(id="session-2")),
    "end a session": lambda store: store.sessions.end("session-1", LATER),
    "end all sessions": lambda store: store.sessions.end_all_of("admin-1", LATER),
    "add a refresh token": lambda store: store.refresh_tokens.add(a_refresh_token(id="token-2")),
    "use a refresh token": lambda store: store.refresh_tokens.use("token-1", LATER),
    "save a key": lambda store: store.signing_keys.save(a_key(retired_at=LATER)),
    "remove a key": lambda store: store.signing_keys.remove("key-1"),
    "remove sessions": lambda store: store.sessions.remove_expired(a_session().expires_at),
    "add a key": lambda store: store.signing_keys.add(a_key(id="key-2")),
}


def everything(store: AuthStore) -> list[Admin | Session | RefreshToken | SigningKey | None]:
    """All that these writes could have touched."""
    found: list[Admin | Session | RefreshToken | SigningKey | None] = list(store.signing_keys.list())
    found += [store.refresh_tokens.find(each) for each in ("token-1", "token-2")]
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
    store.refresh_tokens.add(a_refresh_token())
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


def test_the_database_refuses_a_refresh_token_that_is_over_when_it_begins(auth_database: peewee.Database) -> None:
    store = PeeweeAuthStore(auth_database)
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    with pytest.raises(peewee.IntegrityError) as refusal:
        store.refresh_tokens.add(a_refresh_token(expires_at=NOON))
    assert "refresh_tokens_window" in str(refusal.value)


def test_the_sessions_of_an_admin_go_with_the_admin(auth_database: peewee.Database) -> None:
    store = PeeweeAuthStore(auth_database)
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    AdminRow.delete().execute(auth_database)
    with pytest.raises(SessionNotFound):
        store.sessions.get("session-1")
