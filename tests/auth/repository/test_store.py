"""The contract of AuthStore: one suite for the in-memory twin, for SQLite and for PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.entities import AdminFilter, Role, Throttle
from services.auth.errors import AdminNotFound, SessionNotFound, UsernameTaken
from services.auth.models import AdminRow
from services.auth.repository.contracts import ADMIN_ORDERS, AuthStore, admin_key
from services.auth.repository.store import PeeweeAuthStore
from services.kit.web.pages import PageRequest
from tests.audit import entries_in
from tests.auth.examples import a_key, a_refresh_token, a_session, an_admin
from tests.clock import LATER, MILLISECOND, NOON, SECOND
from tests.stores import TEXTS, over_one_store, turned_over, undone

ROLES: list[Role] = ["owner", "editor", "viewer"]
GRACE = an_admin(id="admin-2", username="grace", role="editor")


@pytest.fixture
def filled(store: AuthStore) -> AuthStore:
    """The store with one record of each kind."""
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    store.refresh_tokens.add(a_refresh_token())
    store.signing_keys.add(a_key())
    store.throttles.count(["a"], NOON, LATER)
    return store


# Admins


def test_an_added_admin_is_found_by_id_and_by_name(store: AuthStore) -> None:
    admin = an_admin(role="viewer", updated_at=LATER, disabled_at=LATER, initial_password_ends_at=LATER + SECOND)
    store.admins.add(admin)
    store.admins.add(GRACE)
    with store.transaction():
        found = [store.admins.get("admin-1", for_update=each) for each in (False, True)]
    assert [*found, store.admins.get_by_username("ada")] == [admin] * 3
    for for_update in (False, True):
        with pytest.raises(AdminNotFound), store.transaction():
            store.admins.get("ada", for_update=for_update)


@over_one_store
@given(username=TEXTS, password_hash=TEXTS)
def test_names_of_every_script_are_stored_unchanged(store: AuthStore, username: str, password_hash: str) -> None:
    admin = an_admin(username=username, password_hash=password_hash)
    with undone(store):
        store.admins.add(admin)
        assert store.admins.get_by_username(username) == admin


@pytest.mark.parametrize("username", ["", "a%", "ad_", "åda", "a da", "ａｄａ"])
def test_a_similar_name_is_another_name(store: AuthStore, username: str) -> None:
    store.admins.add(an_admin())
    assert store.admins.find([], [username]) == []
    with pytest.raises(AdminNotFound):
        store.admins.get_by_username(username)


@pytest.mark.parametrize("username", ["JOSÉ", "jose\u0301", " José\u200b", "\ufeffJOSE\u0301\u200e"])
def test_a_name_is_found_and_taken_however_it_is_typed(store: AuthStore, username: str) -> None:
    stored = an_admin(username="José")
    store.admins.add(stored)
    assert [store.admins.get_by_username(username), *store.admins.find([], [username])] == [stored] * 2
    with pytest.raises(UsernameTaken):
        store.admins.add(an_admin(id="admin-2", username=username))


def test_a_refused_write_leaves_the_transaction_usable(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.admins.add(GRACE)
    with store.transaction():
        with pytest.raises(UsernameTaken):
            store.admins.add(an_admin(id="admin-3"))
        with pytest.raises(UsernameTaken):
            store.admins.save(an_admin(username="grace"))
        with pytest.raises(AdminNotFound):
            store.admins.save(an_admin(id="admin-9", username="nobody"))
        with pytest.raises(AdminNotFound):
            store.sessions.add(a_session(admin_id="admin-9"))
        with pytest.raises(SessionNotFound):
            store.refresh_tokens.add(a_refresh_token(session_id="session-9"))
        store.admins.save(an_admin(role="editor"))
    assert (store.admins.list(), store.admins.count()) == ([an_admin(role="editor"), GRACE], 2)


def test_a_saved_admin_replaces_the_one_with_its_id(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.admins.add(GRACE)
    dates = {"updated_at": LATER, "disabled_at": NOON, "initial_password_ends_at": LATER}
    changed = an_admin(username="lovelace", password_hash="another", role="viewer", **dates)
    store.admins.save(changed)
    assert (store.admins.get("admin-1"), store.admins.get("admin-2")) == (changed, GRACE)


def test_admins_are_counted_and_listed_by_creation_then_id(store: AuthStore) -> None:
    assert (store.admins.count(), store.admins.list()) == (0, [])
    oldest = an_admin(id="admin-9", username="oldest", created_at=NOON - SECOND)
    for admin in (GRACE, an_admin(), oldest):
        store.admins.add(admin)
    assert (store.admins.count(), store.admins.list()) == (3, [oldest, an_admin(), GRACE])
    # A page may begin after a place that no admin has.
    place = admin_key(an_admin(id="admin-1x"))
    assert store.admins.list(PageRequest(5, place)) == [GRACE]


@over_one_store
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(ROLES), st.booleans()), max_size=7),
    which=st.builds(
        AdminFilter,
        role=st.none() | st.sampled_from(ROLES),
        disabled=st.none() | st.booleans(),
        q=st.sampled_from([None, "É", "é", "n%", "_", "ME 1"]),
    ),
    sort=st.sampled_from(["", "createdAt", "-createdAt"]),
    limit=st.integers(1, 4),
)
def test_pages_contain_each_admin_that_matches_once(
    store: AuthStore, rows: list[tuple[int, Role, bool]], which: AdminFilter, sort: str, limit: int
) -> None:
    with undone(store):
        admins = [
            an_admin(
                id=f"{number}",
                username=f"{'Né' if number % 2 else 'name'} {number}",
                created_at=NOON + second * SECOND,
                role=role,
                disabled_at=NOON if disabled else None,
            )
            for number, (second, role, disabled) in enumerate(rows)
        ]
        for admin in admins:
            store.admins.add(admin)
        key, is_reversed = ADMIN_ORDERS.of(sort)
        matching = [
            each
            for each in admins
            if which.role in (None, each.role)
            and which.disabled in (None, each.disabled_at is not None)
            and (which.q or "").casefold() in each.username.casefold()
        ]
        pages = turned_over(lambda request: store.admins.list(request, which), ADMIN_ORDERS, limit, sort)
        assert pages == sorted(matching, key=key, reverse=is_reversed)


def test_owners_are_locked_by_id_whether_disabled_or_not(store: AuthStore) -> None:
    disabled = an_admin(id="admin-3", username="ida", disabled_at=NOON)
    for admin in (disabled, GRACE, an_admin()):
        store.admins.add(admin)
    with store.transaction():
        assert store.admins.lock_owners() == [an_admin(), disabled]


def test_admins_are_found_by_ids_or_names(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.admins.add(GRACE)
    assert store.admins.find(["admin-1"], []) == store.admins.find([], ["ADA", "ada"]) == [an_admin()]
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
def test_the_costliest_bcrypt_hash_is_found(store: AuthStore, hashes: list[str], costliest: str | None) -> None:
    for number, password_hash in enumerate(hashes):
        store.admins.add(an_admin(id=f"admin-{number}", username=f"name-{number}", password_hash=password_hash))
    assert store.admins.costliest_bcrypt_hash() == costliest


# Sessions


def test_a_session_is_found_locked_or_not(store: AuthStore) -> None:
    store.admins.add(an_admin())
    ended = a_session(id="session-2", ended_at=LATER)
    for session in (a_session(), ended):
        store.sessions.add(session)
    for for_update in (False, True):
        with store.transaction():
            found = [store.sessions.get(each, for_update=for_update) for each in ("session-1", "session-2")]
            assert found == [a_session(), ended]
        with pytest.raises(SessionNotFound), store.transaction():
            store.sessions.get("session-9", for_update=for_update)


def test_a_session_ends_once(filled: AuthStore) -> None:
    filled.sessions.add(a_session(id="session-2"))
    filled.sessions.end("session-1", LATER)
    for session_id in ("session-1", "session-9"):
        with pytest.raises(SessionNotFound):
            filled.sessions.end(session_id, LATER + SECOND)
    assert filled.sessions.get("session-1") == a_session(ended_at=LATER)
    assert filled.sessions.get("session-2") == a_session(id="session-2")


def test_only_the_active_sessions_of_the_admin_end_together(store: AuthStore) -> None:
    store.admins.add(an_admin())
    store.admins.add(GRACE)
    ended = a_session(id="b", ended_at=LATER)
    for session in (a_session(id="c"), ended, a_session(id="a"), a_session(id="d", admin_id="admin-2")):
        store.sessions.add(session)
    at = LATER + SECOND
    with store.transaction():
        assert [list(store.sessions.end_all_of("admin-1", at)) for _ in range(2)] == [["a", "c"], []]
        assert list(store.sessions.end_all_of("admin-9", at)) == []
    assert [store.sessions.get(each).ended_at for each in "abcd"] == [at, LATER, at, None]


def test_sessions_that_ended_after_an_instant_are_listed_by_id(store: AuthStore) -> None:
    store.admins.add(an_admin())
    for session_id, ended_at in {"d": NOON, "c": NOON + MILLISECOND, "b": LATER, "a": None}.items():
        store.sessions.add(a_session(id=session_id, ended_at=ended_at))
    ended = [list(store.sessions.ended_since(each)) for each in (NOON - SECOND, NOON, LATER)]
    assert ended == [["b", "c", "d"], ["b", "c"], []]


def test_expired_sessions_are_removed_with_their_refresh_tokens(store: AuthStore) -> None:
    store.admins.add(an_admin())
    at = a_session().expires_at
    for number, expires_at in enumerate([at - MILLISECOND, at, at + MILLISECOND]):
        store.sessions.add(a_session(id=f"session-{number}", expires_at=expires_at))
        store.refresh_tokens.add(a_refresh_token(id=f"token-{number}", session_id=f"session-{number}"))
    assert [store.sessions.remove_expired(at) for _ in range(2)] == [2, 0]
    assert store.sessions.get("session-2") == a_session(id="session-2", expires_at=at + MILLISECOND)
    for number in (0, 1):
        with pytest.raises(SessionNotFound):
            store.sessions.get(f"session-{number}")
    kept = a_refresh_token(id="token-2", session_id="session-2")
    assert [store.refresh_tokens.find(f"token-{number}") for number in (0, 1, 2)] == [None, None, kept]


# Refresh tokens


def test_the_first_use_of_a_refresh_token_is_recorded(filled: AuthStore) -> None:
    other = a_refresh_token(id="token-2", used_at=NOON)
    filled.refresh_tokens.add(other)
    assert filled.refresh_tokens.find("token-1") == a_refresh_token()
    filled.refresh_tokens.use("token-1", LATER)
    found = [filled.refresh_tokens.find(each) for each in ("token-1", "token-2", "token-3", "")]
    assert found == [a_refresh_token(used_at=LATER), other, None, None]


# Signing keys


def test_keys_are_listed_by_creation_then_id(store: AuthStore) -> None:
    assert list(store.signing_keys.list()) == []
    oldest, second, third = a_key(id="d", created_at=NOON - SECOND), a_key(id="b"), a_key(id="c")
    retired = a_key(id="a", created_at=LATER, retired_at=NOON, signs_from=LATER)
    for key in (third, second, retired, oldest):
        store.signing_keys.add(key)
    assert list(store.signing_keys.list()) == [oldest, second, third, retired]


def test_keys_are_replaced_and_removed_by_id(store: AuthStore) -> None:
    other = a_key(id="key-2")
    with store.transaction():
        store.signing_keys.lock()
        store.signing_keys.add(a_key())
        store.signing_keys.lock()
        store.signing_keys.add(other)
    changed = a_key(private_key="another", public_key="another", retired_at=LATER, signs_from=LATER)
    store.signing_keys.save(changed)
    store.signing_keys.save(a_key(id="key-9"))
    assert list(store.signing_keys.list()) == [changed, other]
    for key_id in ("key-1", "key-1", "key-9"):
        store.signing_keys.remove(key_id)
    assert list(store.signing_keys.list()) == [other]


# All of them

DUPLICATES: dict[str, Callable[[AuthStore], object]] = {
    "session": lambda store: store.sessions.add(a_session(ended_at=LATER)),
    "refresh token": lambda store: store.refresh_tokens.add(a_refresh_token(used_at=LATER)),
    "key": lambda store: store.signing_keys.add(a_key(private_key="{}")),
}
WRITES: dict[str, Callable[[AuthStore], object]] = {
    "add an admin": lambda store: store.admins.add(GRACE),
    "save an admin": lambda store: store.admins.save(an_admin(role="viewer", updated_at=LATER)),
    "add a session": lambda store: store.sessions.add(a_session(id="session-2")),
    "end a session": lambda store: store.sessions.end("session-1", LATER),
    "end all sessions": lambda store: store.sessions.end_all_of("admin-1", LATER),
    "remove sessions": lambda store: store.sessions.remove_expired(a_session().expires_at),
    "add a refresh token": lambda store: store.refresh_tokens.add(a_refresh_token(id="token-2")),
    "use a refresh token": lambda store: store.refresh_tokens.use("token-1", LATER),
    "add a key": lambda store: store.signing_keys.add(a_key(id="key-2")),
    "save a key": lambda store: store.signing_keys.save(a_key(retired_at=LATER)),
    "remove a key": lambda store: store.signing_keys.remove("key-1"),
    "count attempts": lambda store: store.throttles.count(["a", "b"], NOON, LATER),
    "decrement attempts": lambda store: store.throttles.decrement("a"),
    "extend a window": lambda store: store.throttles.extend("a", LATER + SECOND),
    "remove attempts": lambda store: store.throttles.remove("a"),
    "remove ended windows": lambda store: store.throttles.remove_ended(LATER, 10),
    "append an audit entry": lambda store: store.audit.append([("admin.invited", "admin-8")]),
}


def everything(store: AuthStore) -> tuple[object, ...]:
    """Return all that the writes can change."""
    sessions: list[object] = []
    for session_id in ("session-1", "session-2"):
        try:
            sessions.append(store.sessions.get(session_id))
        except SessionNotFound:
            sessions.append(None)
    refresh_tokens = [store.refresh_tokens.find(each) for each in ("token-1", "token-2")]
    throttles: list[Throttle] = sorted(store.throttles.find(["a", "b"]), key=lambda each: each.id)
    keys, admins = list(store.signing_keys.list()), list(store.admins.list())
    return admins, sessions, refresh_tokens, keys, throttles, entries_in(store.audit)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_exception_rolls_back_every_write(filled: AuthStore, write: Callable[[AuthStore], object]) -> None:
    before = everything(filled)
    with undone(filled):
        write(filled)
        assert everything(filled) != before
    assert everything(filled) == before


@pytest.mark.parametrize("add", DUPLICATES.values(), ids=DUPLICATES.keys())
def test_a_second_record_with_the_same_id_is_refused(filled: AuthStore, add: Callable[[AuthStore], object]) -> None:
    before = everything(filled)
    with pytest.raises(peewee.IntegrityError), filled.transaction():
        add(filled)
    assert everything(filled) == before


# Constraints that only a database has


@pytest.mark.parametrize(
    ("constraint", "add"),
    [
        ("admins_username_not_empty", lambda store: store.admins.add(an_admin(id="admin-9", username=""))),
        ("sessions_window", lambda store: store.sessions.add(a_session(id="session-9", expires_at=NOON))),
        ("refresh_tokens_window", lambda store: store.refresh_tokens.add(a_refresh_token(id="9", expires_at=NOON))),
    ],
)
def test_the_database_refuses_an_impossible_row(
    auth_database: peewee.Database, constraint: str, add: Callable[[AuthStore], object]
) -> None:
    store = PeeweeAuthStore(auth_database)
    store.admins.add(an_admin())
    store.sessions.add(a_session(expires_at=NOON + timedelta(days=1)))
    with pytest.raises(peewee.IntegrityError) as error:
        add(store)
    assert constraint in str(error.value)


def test_the_sessions_of_an_admin_are_deleted_with_the_admin(auth_database: peewee.Database) -> None:
    store = PeeweeAuthStore(auth_database)
    store.admins.add(an_admin())
    store.sessions.add(a_session())
    AdminRow.delete().execute(auth_database)
    with pytest.raises(SessionNotFound):
        store.sessions.get("session-1")
