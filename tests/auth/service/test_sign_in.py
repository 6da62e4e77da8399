"""Signing in: the session, the constant cost of a refusal, new hashes, changed passwords and interruptions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.auth.entities import PersonChanges, Session, SignIn
from services.auth.errors import InvalidCredentials, InvalidRefreshToken, SessionNotFound, UsernameTaken
from services.auth.passwords import HASHER
from services.kit.core.actor import current_actor
from tests.auth.examples import (
    OWN_PASSWORD,
    PASSWORD,
    CountingHasher,
    InterruptedHasher,
    a_service,
    a_session,
    an_admin,
)
from tests.auth.harness import A_REFRESH_TOKEN, A_TOKEN, Harness
from tests.auth.memory import InMemoryAuthStore
from tests.clock import LATER, SECOND
from tests.matching import NEW_ID

NEW_PASSWORD = "twelve chars"


def test_a_sign_in_begins_a_session_of_seven_days(auth: Harness) -> None:
    sign_in = auth.sign_in()
    assert sign_in == SignIn(auth.ada, A_TOKEN, 900, A_REFRESH_TOKEN, 86_400)
    assert auth.hasher.take_counts() == (0, 1)
    session = auth.store.sessions.get(auth.session_id(sign_in))
    assert session == Session(NEW_ID, "admin-1", LATER, LATER + timedelta(days=7), None)
    claims = [auth.decoded(each).claims for each in (sign_in, auth.sign_in(), auth.sign_in())]
    assert [len({each[name] for each in claims}) for name in ("sid", "jti", "sub")] == [3, 3, 1]


def test_a_sign_in_removes_expired_sessions_after_the_tolerance_of_clocks(auth: Harness) -> None:
    auth.store.sessions.add(a_session(expires_at=LATER))
    auth.clock.at += timedelta(seconds=4)
    auth.sign_in()
    assert auth.store.sessions.get("session-1")
    auth.clock.at += timedelta(seconds=1)
    auth.sign_in()
    with pytest.raises(SessionNotFound):
        auth.store.sessions.get("session-1")


@pytest.mark.parametrize(
    ("username", "password"),
    [
        *(("ada", "wrong password"), ("ada", PASSWORD.upper()), ("ada", PASSWORD + " "), ("ada", PASSWORD + "\0")),
        *(("ada", ""), ("ada", "$argon2id$"), ("ａｄａ", PASSWORD)),
        *(("nobody", PASSWORD), ("nobody", "wrong password"), ("nobody", "None")),
    ],
)
def test_every_refusal_has_the_same_response_and_cost(auth: Harness, username: str, password: str) -> None:
    # One verification for everyone: the time reveals nothing (docs/traps.md, 13).
    assert auth.refuses(username, password)


def test_a_refused_sign_in_writes_nothing_but_an_audit_entry(auth: Harness) -> None:
    auth.store.sessions.add(a_session(expires_at=LATER))
    assert auth.refuses("ada", "wrong password")
    assert auth.store.sessions.get("session-1") == a_session(expires_at=LATER)
    assert auth.store.signing_keys.list() == []
    assert auth.entries()[1:] == [("sign_in.refused", "admin-1")]


def test_the_dummy_hash_costs_as_much_as_a_stored_one() -> None:
    costly = CountingHasher(time_cost=3)
    service = a_service(Harness().store, hasher=costly)
    assert costly.take_counts() == (1, 0)
    grace = service.create_admin("grace", PASSWORD)
    assert not costly.check_needs_rehash(grace.password_hash)
    assert grace.password_hash.split("$")[3] == "m=8,t=3,p=1"


def test_the_real_hasher_has_the_minimum_of_owasp() -> None:
    parameters = (HASHER.type.name, HASHER.memory_cost, HASHER.time_cost, HASHER.parallelism)
    assert parameters == ("ID", 19456, 2, 1)


def test_a_right_password_is_hashed_again_after_the_parameters_changed(auth: Harness) -> None:
    stronger = auth.use_hasher(CountingHasher(time_cost=2))
    assert auth.refuses("ada", "wrong password")
    assert auth.store.admins.get("admin-1") == auth.ada
    auth.sign_in()
    assert stronger.take_counts() == (1, 1)
    stored = auth.store.admins.get("admin-1")
    assert stored == replace(auth.ada, password_hash=stored.password_hash, updated_at=LATER)
    assert not stronger.check_needs_rehash(stored.password_hash)
    auth.sign_in()
    assert stronger.take_counts() == (0, 1)


@pytest.mark.parametrize("username", ["ADA", " Ada", "ada\u200b", "\ufeffADA\u200e"])
def test_a_person_signs_in_however_the_name_is_typed(auth: Harness, username: str) -> None:
    assert auth.sign_in(username).admin == auth.ada
    with pytest.raises(UsernameTaken):
        auth.service.create_admin(username, PASSWORD)
    with pytest.raises(UsernameTaken):
        auth.service.people.invite(username, "viewer")


def test_of_names_that_collide_any_other_spelling_is_refused_at_the_same_cost(auth: Harness) -> None:
    assert isinstance(auth.store, InMemoryAuthStore)
    auth.store.add_colliding(replace(auth.ada, id="admin-2", username="Ada"))
    found = [auth.sign_in(username).admin.id for username in ("ada", "Ada")]
    assert (found, auth.refuses("ADA", PASSWORD)) == (["admin-1", "admin-2"], True)


# Changes while a password is hashed


def test_a_person_disabled_or_reset_meanwhile_gets_no_session(auth: Harness) -> None:
    people, grace, ida = auth.service.people, auth.add_person(), auth.add_person("ida")
    sessions = len([each for each in auth.entries() if each[0] == "session.started"])
    auth.use_hasher(InterruptedHasher(lambda: people.change(grace.id, PersonChanges(disabled=True))))
    with pytest.raises(InvalidCredentials):
        auth.sign_in("grace", OWN_PASSWORD)
    auth.use_hasher(InterruptedHasher(lambda: people.reset_password(ida.id)))
    with pytest.raises(InvalidCredentials):
        auth.sign_in("ida", OWN_PASSWORD, "seven ships sail on sand")
    assert len([each for each in auth.entries() if each[0] == "session.started"]) == sessions


def test_a_person_changed_again_and_again_meanwhile_signs_in_at_the_end(auth: Harness) -> None:
    people, grace = auth.service.people, auth.add_person()
    changes = [PersonChanges(role="viewer"), PersonChanges(role="editor")] * 15
    # More often than the limit of attempts: a right password does not count.
    interruptions = [lambda change=change: people.change(grace.id, change) for change in changes]
    hasher = auth.use_hasher(InterruptedHasher(*interruptions))
    assert auth.decoded(auth.sign_in("grace", OWN_PASSWORD)).claims["roles"] == ["editor"]
    assert hasher.take_counts() == (0, 31)


def test_two_sign_ins_that_both_hash_again_succeed(auth: Harness) -> None:
    other = a_service(auth.store, auth.clock, CountingHasher(time_cost=2))
    auth.use_hasher(InterruptedHasher(lambda: other.sign_in("ada", PASSWORD), time_cost=3))
    assert auth.sign_in().admin.id == "admin-1"
    assert len(auth.store.sessions.end_all_of("admin-1", LATER)) == 2


# Changing one's own password


def test_a_changed_password_ends_every_session_and_begins_another(auth: Harness) -> None:
    auth.add_person()
    grace = auth.sign_in("grace", OWN_PASSWORD)
    old = [auth.sign_in(), auth.sign_in()]
    ended, before = [auth.session_id(each) for each in old], len(auth.entries())
    auth.clock.at += SECOND
    new = auth.service.change_password("admin-1", PASSWORD, NEW_PASSWORD)
    changed = auth.store.admins.get("admin-1")
    assert new == SignIn(changed, A_TOKEN, 900, A_REFRESH_TOKEN, 86_400)
    assert changed == replace(auth.ada, password_hash=changed.password_hash, updated_at=auth.clock.at)
    assert auth.entries()[before:] == [
        ("admin.password_changed", "admin-1"),
        *[("session.ended", each) for each in sorted(ended)],
        ("session.started", auth.session_id(new)),
    ]
    assert (current_actor().id, current_actor().role) == ("admin-1", "owner")
    assert [auth.is_accepted(each) for each in (*old, new, grace)] == [False, False, True, True]
    for each in old:
        with pytest.raises(InvalidRefreshToken):
            auth.service.sessions.refresh(each.refresh_token)
    assert auth.refuses("ada", PASSWORD)
    assert auth.sign_in(password=NEW_PASSWORD).admin == changed


@pytest.mark.parametrize("current", ["wrong password", "", PASSWORD + " ", NEW_PASSWORD])
def test_a_wrong_current_password_changes_nothing_at_the_same_cost(auth: Harness, current: str) -> None:
    session = auth.sign_in()
    auth.hasher.take_counts()
    with pytest.raises(InvalidCredentials) as error:
        auth.service.change_password("admin-1", current, NEW_PASSWORD)
    assert (str(error.value), auth.hasher.take_counts()) == ("The current password is wrong", (0, 1))
    assert (auth.store.admins.get("admin-1"), auth.is_accepted(session)) == (auth.ada, True)


# Admins


def test_a_created_admin_has_a_hash_of_their_own(auth: Harness) -> None:
    grace = auth.service.create_admin("grace", PASSWORD)
    expected = an_admin(
        id=NEW_ID, username="grace", password_hash=grace.password_hash, created_at=LATER, updated_at=LATER
    )
    assert grace == auth.store.admins.get_by_username("grace") == expected
    assert grace.password_hash.startswith("$argon2id$")
    assert grace.password_hash != auth.ada.password_hash
    assert auth.sign_in("grace").admin == grace
    with pytest.raises(UsernameTaken):
        auth.service.create_admin("ada", "another password")
    assert auth.store.admins.get_by_username("ada") == auth.ada
