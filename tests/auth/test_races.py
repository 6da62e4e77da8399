"""Concurrent use cases, each in a thread with a connection of its own, on both engines."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import peewee
import pytest
from joserfc.jws import extract_compact

from services.auth.entities import PersonChanges, Rotation, SignIn
from services.auth.errors import InvalidCredentials, InvalidRefreshToken, KeyWaiting, LastOwner, SignInThrottled
from services.auth.migrations import MIGRATIONS
from services.auth.repository.store import PeeweeAuthStore
from services.auth.rules.people import is_active_owner
from services.auth.rules.tokens import REFRESH_GRACE
from services.kit.core.errors import ServiceError
from tests.auth.examples import PASSWORD, an_admin
from tests.auth.harness import Harness
from tests.clock import LATER, SECOND
from tests.parallel import at_once

ROUNDS = 8
DISABLE, ENABLE = PersonChanges(disabled=True), PersonChanges(disabled=False)
VIEWER, OWNER = PersonChanges(role="viewer"), PersonChanges(role="owner")


@pytest.fixture
def auth(database: peewee.Database) -> Harness:
    """The harness over each engine, with another owner, grace."""
    MIGRATIONS.up(database)
    harness = Harness(PeeweeAuthStore(database))
    harness.service.create_admin("grace", PASSWORD, "admin-2")
    harness.hasher.take_counts()
    return harness


def outcomes(*use_cases: Callable[[], object]) -> Counter[type]:
    """Return how often each type was returned or raised."""
    return Counter(type(each) for each in at_once(*use_cases))


def key_id(token: str) -> str:
    return str(extract_compact(token.encode()).protected["kid"])


def test_concurrent_first_requests_make_one_key(auth: Harness) -> None:
    results = at_once(*[lambda: auth.sign_in().access_token] * 8, *[lambda: str(auth.service.keys.published())] * 2)
    [key] = auth.service.keys.list()
    assert {key_id(str(each)) for each in results[:8]} == {key.id}
    assert all(key.id in str(each) for each in results[8:])


def test_one_of_five_rotations_is_done(auth: Harness) -> None:
    auth.service.keys.published()
    assert outcomes(*[auth.service.keys.rotate] * 5) == {Rotation: 1, KeyWaiting: 4}
    assert len(auth.service.keys.list()) == 2


def test_concurrent_rotations_at_once_leave_one_key_that_signs(auth: Harness) -> None:
    at_once(*[auth.service.keys.rotate_at_once] * 4, *[auth.sign_in] * 4)
    published = {key["kid"] for key in auth.service.keys.published()["keys"]}
    assert published == {key_id(auth.sign_in().access_token)}


# Refresh tokens


def refresh(auth: Harness, token: str) -> Callable[[], SignIn]:
    return partial(auth.service.sessions.refresh, token)


def test_twenty_uses_of_one_token_return_one_successor(auth: Harness) -> None:
    token = auth.sign_in().refresh_token
    for _ in range(2):
        results = [each for each in at_once(*[refresh(auth, token)] * 20) if isinstance(each, SignIn)]
        assert len({each.access_token for each in results}) == 20
        [token] = {each.refresh_token for each in results}


def test_twenty_reuses_of_one_token_end_its_session_once(auth: Harness) -> None:
    sign_in = auth.sign_in()
    successor = auth.service.sessions.refresh(sign_in.refresh_token)
    auth.clock.at += REFRESH_GRACE + SECOND
    assert outcomes(*[refresh(auth, sign_in.refresh_token)] * 20) == {InvalidRefreshToken: 20}
    assert outcomes(refresh(auth, successor.refresh_token)) == {InvalidRefreshToken: 1}
    assert len(auth.service.sessions.ended_ids()) == 1


def test_a_reuse_beside_a_use_leaves_no_valid_token(auth: Harness) -> None:
    reused = auth.sign_in().refresh_token
    successor = auth.service.sessions.refresh(reused).refresh_token
    auth.clock.at += REFRESH_GRACE + SECOND
    at_once(*[refresh(auth, reused)] * 10, *[refresh(auth, successor)] * 10)
    for token in (reused, successor):
        assert outcomes(refresh(auth, token)) == {InvalidRefreshToken: 1}


# Passwords


def test_one_of_five_password_changes_is_done(auth: Harness) -> None:
    token = auth.sign_in().refresh_token
    passwords = [f"a new password of mine {number}" for number in range(5)]
    change = partial(auth.service.change_password, "admin-1", PASSWORD)
    results = at_once(*[partial(change, each) for each in passwords])
    assert Counter(type(each) for each in results) == {SignIn: 1, InvalidCredentials: 4}
    [changed] = [password for password, each in zip(passwords, results, strict=True) if isinstance(each, SignIn)]
    assert auth.sign_in(password=changed).admin.id == "admin-1"
    assert outcomes(refresh(auth, token)) == {InvalidRefreshToken: 1}


def test_no_concurrent_session_outlives_a_password_change(auth: Harness) -> None:
    token = auth.sign_in().refresh_token
    change = partial(auth.service.change_password, "admin-1", PASSWORD, "a new password of mine")
    changed, *others = at_once(change, *[refresh(auth, token)] * 5, *[auth.sign_in] * 5)
    assert isinstance(changed, SignIn)
    assert outcomes(refresh(auth, changed.refresh_token)) == {SignIn: 1}
    for each in others:
        if isinstance(each, SignIn):
            assert outcomes(refresh(auth, each.refresh_token)) == {InvalidRefreshToken: 1}


def guesses(auth: Harness, username: str, addresses: Sequence[str]) -> list[Callable[[], SignIn]]:
    return [partial(auth.service.sign_in, username, "a wrong password", address=each) for each in addresses]


@pytest.mark.parametrize(
    ("addresses", "checked"), [(["192.0.2.1"] * 40, 10), ([f"192.0.2.{number % 3}" for number in range(40)], 30)]
)
def test_concurrent_guesses_do_not_pass_the_limits(auth: Harness, addresses: list[str], checked: int) -> None:
    expected = {InvalidCredentials: checked, SignInThrottled: 40 - checked}
    assert outcomes(*guesses(auth, "ada", addresses)) == expected
    assert auth.hasher.take_counts() == (0, checked)


def test_sign_ins_succeed_beside_guesses_from_the_same_address(auth: Harness) -> None:
    # Two accounts and one address: the attempts lock some of the same rows, in any order.
    wrong = [*guesses(auth, "ada", ["192.0.2.1"] * 15), *guesses(auth, "nobody", ["192.0.2.1"] * 15)]
    right = [partial(auth.service.sign_in, "grace", PASSWORD, address="192.0.2.1")] * 5
    results = at_once(*wrong, *right)
    assert Counter(type(each) for each in results[:30]) == {InvalidCredentials: 20, SignInThrottled: 10}
    assert [type(each) for each in results[30:]] == [SignIn] * 5
    assert auth.hasher.take_counts() == (0, 25)


# Owners


def test_one_of_two_owners_who_demote_each_other_stays(auth: Harness) -> None:
    people = auth.service.people
    for _ in range(ROUNDS):
        results = at_once(*[partial(people.change, each, VIEWER) for each in ("admin-1", "admin-2")])
        assert Counter(isinstance(each, LastOwner) for each in results) == {True: 1, False: 1}
        [demoted] = [each for each in (people.get("admin-1"), people.get("admin-2")) if each.role == "viewer"]
        people.change(demoted.id, OWNER)


def test_one_of_many_owners_stays_in_every_kind_of_race(auth: Harness) -> None:
    people = auth.service.people
    for number in range(3, 10):
        auth.store.admins.add(an_admin(id=f"admin-{number}", username=f"name {number}"))
    ways: list[Callable[[], object]] = []
    for number in (1, 4, 7):
        ways.append(partial(people.change, f"admin-{number}", VIEWER))
        ways.append(partial(people.change, f"admin-{number + 1}", DISABLE))
        ways.append(partial(people.reset_password, f"admin-{number + 2}"))
    results = at_once(*ways)
    assert [type(each) for each in results if isinstance(each, ServiceError)] == [LastOwner]
    assert len([each for each in auth.store.admins.list() if is_active_owner(each)]) == 1


def test_a_person_disabled_during_a_sign_in_has_no_session(auth: Harness) -> None:
    for _ in range(ROUNDS):
        sign_in = partial(auth.service.sign_in, "grace", PASSWORD, address="192.0.2.1")
        at_once(sign_in, partial(auth.service.people.change, "admin-2", DISABLE), sign_in, sign_in)
        with auth.store.transaction():
            assert auth.store.sessions.end_all_of("admin-2", LATER) == []
        auth.service.people.change("admin-2", ENABLE)
