"""Throttled sign-in: refused before anything is hashed, and without locking other people out."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest

from services.auth.entities import PersonChanges
from services.auth.errors import InvalidCredentials, SignInThrottled
from services.auth.rules.throttles import WINDOW, sign_in_buckets
from tests.auth.examples import PASSWORD
from tests.auth.harness import Harness
from tests.clock import LATER, MILLISECOND, SECOND

ADDRESS, OTHER_ADDRESS = "192.0.2.1", "198.51.100.1"
GUESSES = 10_000


@pytest.fixture
def auth(auth: Harness) -> Harness:
    """The harness with another owner, grace."""
    auth.service.create_admin("grace", PASSWORD, "admin-2")
    auth.hasher.take_counts()
    return auth


def guess(auth: Harness, username: str, address: str | None) -> int | None:
    """Try a wrong password; return the seconds to wait, or None if it was checked."""
    try:
        auth.service.sign_in(username, "a wrong guess", address=address)
    except InvalidCredentials:
        return None
    except SignInThrottled as error:
        return error.retry_after
    raise AssertionError("the guess was right")


def guesses(auth: Harness, username: str, address: str | None, number: int) -> list[int | None]:
    return [guess(auth, username, address) for _ in range(number)]


def addresses() -> Iterator[str]:
    """Yield ever other addresses."""
    return (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}" for number in count(1))


def sign_in(auth: Harness, username: str, address: str) -> str:
    return auth.service.sign_in(username, PASSWORD, address=address).admin.username


# The figures


def test_ten_thousand_guesses_from_one_address_cost_ten_hashes(auth: Harness) -> None:
    first = guesses(auth, "ada", ADDRESS, GUESSES // 2)
    assert (auth.hasher.take_counts(), first) == ((0, 10), [None] * 10 + [900] * (GUESSES // 2 - 10))
    # Another person signs in from the same address in the meantime.
    assert (sign_in(auth, "grace", ADDRESS), auth.hasher.take_counts()) == ("grace", (0, 1))
    assert (set(guesses(auth, "ada", ADDRESS, GUESSES // 2)), auth.hasher.take_counts()) == ({900}, (0, 0))


def test_ten_thousand_guesses_from_as_many_addresses_cost_twenty_hashes(auth: Harness) -> None:
    source = addresses()
    responses = [guess(auth, "ada", next(source)) for _ in range(GUESSES)]
    assert (auth.hasher.take_counts(), responses) == ((0, 20), [None] * 20 + [900] * (GUESSES - 20))
    assert (sign_in(auth, "grace", ADDRESS), auth.hasher.take_counts()) == ("grace", (0, 1))


# The limits


def test_unknown_names_and_disabled_people_are_throttled_alike(auth: Harness) -> None:
    auth.service.people.change("admin-2", PersonChanges(disabled=True))
    for number, username in enumerate(("nobody", "grace")):
        assert guesses(auth, username, f"192.0.2.{number}", 11) == [None] * 10 + [900]
        assert auth.hasher.take_counts() == (0, 10)


def test_an_address_has_a_hundred_attempts_for_all_names(auth: Harness) -> None:
    responses = [guess(auth, f"name {number % 50}", ADDRESS) for number in range(102)]
    assert responses == [None] * 100 + [900] * 2
    with pytest.raises(SignInThrottled):
        sign_in(auth, "grace", ADDRESS)
    assert sign_in(auth, "grace", OTHER_ADDRESS) == "grace"


def test_throttled_attempts_are_not_counted(auth: Harness) -> None:
    ids = sign_in_buckets("ada", ADDRESS).ids
    guesses(auth, "ada", ADDRESS, 10)
    counted = auth.store.throttles.find(ids)
    assert guesses(auth, "ada", ADDRESS, 5) == [900] * 5
    assert auth.store.throttles.find(ids) == counted
    # Ten each of the address, of the account and of both.
    assert [each.attempts for each in counted] == [10, 10, 10]


def test_a_check_counts_nothing(auth: Harness) -> None:
    for _ in range(30):
        auth.service.throttling.check("ada", ADDRESS)
    assert auth.store.throttles.find(sign_in_buckets("ada", ADDRESS).ids) == []
    guesses(auth, "ada", ADDRESS, 10)
    with pytest.raises(SignInThrottled) as error:
        auth.service.throttling.check("ada", ADDRESS)
    assert error.value.retry_after == 900


# The end of a window


def test_the_wait_ends_fifteen_minutes_after_the_last_wrong_password(auth: Harness) -> None:
    for _ in range(10):
        guess(auth, "ada", ADDRESS)
        auth.clock.at += SECOND
    last = auth.clock.at - SECOND
    assert guess(auth, "ada", ADDRESS) == 899
    auth.clock.at = last + WINDOW - MILLISECOND
    assert guess(auth, "ada", ADDRESS) == 1
    auth.clock.at = last + WINDOW
    assert sign_in(auth, "ada", ADDRESS) == "ada"


def test_a_success_subtracts_its_own_attempt_only(auth: Harness) -> None:
    guesses(auth, "ada", ADDRESS, 9)
    sign_in(auth, "ada", ADDRESS)
    buckets = sign_in_buckets("ada", ADDRESS)
    attempts = {each.id: each.attempts for each in auth.store.throttles.find(buckets.ids)}
    assert attempts == {buckets.address.id: 9, buckets.account.id: 9, buckets.familiar: 0}
    assert guesses(auth, "ada", ADDRESS, 11) == [None] * 10 + [900]


def test_successful_sign_ins_are_never_throttled(auth: Harness) -> None:
    for _ in range(150):
        sign_in(auth, "ada", ADDRESS)
    assert guess(auth, "ada", ADDRESS) is None


@pytest.mark.parametrize(("days", "is_familiar"), [(29, True), (30, False)])
def test_guesses_elsewhere_do_not_lock_a_familiar_address_for_thirty_days(
    auth: Harness, days: int, is_familiar: bool
) -> None:
    source = addresses()
    sign_in(auth, "ada", ADDRESS)
    auth.clock.at += timedelta(days=days)
    for _ in range(30):
        guess(auth, "ada", next(source))
    assert guess(auth, "ada", OTHER_ADDRESS) == 900
    # At the familiar address there are as many attempts as before, and no more.
    assert guesses(auth, "ada", ADDRESS, 11) == ([None] * 10 + [900] if is_familiar else [900] * 11)


def test_each_failure_removes_a_few_ended_windows(auth: Harness) -> None:
    source = addresses()
    for number in range(30):
        guess(auth, f"name {number}", next(source))
    at = auth.clock.at = LATER + WINDOW
    left = []
    for number in range(15):
        guess(auth, "name 0", ADDRESS if number < 8 else OTHER_ADDRESS)
        left.append(auth.store.throttles.remove_ended(at, 1))
    # Of ninety windows each failure removes ten, and this test one.
    assert left == [1] * 8 + [0] * 7


# The audit log


def test_refusals_are_audited_and_throttling_once_per_window(auth: Harness) -> None:
    before = len(auth.entries())
    guesses(auth, "ada", ADDRESS, 15)
    expected = [("sign_in.refused", "admin-1")] * 10 + [("sign_in.throttled", "admin-1")]
    assert auth.entries()[before:] == expected


def test_an_unknown_name_is_stored_nowhere(auth: Harness) -> None:
    before = auth.entries()
    guesses(auth, "my-mistyped-password", ADDRESS, 15)
    assert auth.entries() == before
    throttles = auth.store.throttles.find(sign_in_buckets("my-mistyped-password", ADDRESS).ids)
    assert "mistyped" not in repr(throttles)
