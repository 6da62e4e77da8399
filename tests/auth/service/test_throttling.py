"""Throttled sign-in: an address is refused before anything is hashed, and locks nobody else out."""

from collections.abc import Iterator
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


def test_guesses_from_other_addresses_keep_nobody_out(auth: Harness) -> None:
    source = addresses()
    responses = [guess(auth, "ada", next(source)) for _ in range(1000)]
    assert (auth.hasher.take_counts(), responses) == ((0, 1000), [None] * 1000)
    # The owner at an address that never signed in before.
    assert (sign_in(auth, "ada", ADDRESS), auth.hasher.take_counts()) == ("ada", (0, 1))


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
        assert auth.service.throttling.check("ada", ADDRESS) is False
    assert auth.store.throttles.find(sign_in_buckets("ada", ADDRESS).ids) == []
    guesses(auth, "ada", ADDRESS, 9)
    assert [auth.service.throttling.check("grace", each) for each in (ADDRESS, OTHER_ADDRESS)] == [True, False]
    guesses(auth, "ada", ADDRESS, 1)
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
    assert attempts == {buckets.address.id: 9, buckets.account: 9}
    assert guesses(auth, "ada", ADDRESS, 11) == [None] * 10 + [900]


def test_successful_sign_ins_are_never_throttled(auth: Harness) -> None:
    for _ in range(150):
        sign_in(auth, "ada", ADDRESS)
    assert guess(auth, "ada", ADDRESS) is None


def test_a_refresh_meets_no_count_of_sign_ins(auth: Harness) -> None:
    session = auth.service.sign_in("ada", PASSWORD, address=ADDRESS)
    for number in range(150):
        guess(auth, f"name {number}", ADDRESS)
    assert guess(auth, "ada", ADDRESS) == 900
    auth.hasher.take_counts()
    assert auth.service.sessions.refresh(session.refresh_token).admin.username == "ada"
    assert auth.hasher.take_counts() == (0, 0)


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


def test_no_number_of_guesses_fills_the_audit_log(auth: Harness) -> None:
    before, source = len(auth.entries()), addresses()
    refused, throttled = ("sign_in.refused", "admin-1"), ("sign_in.throttled", "admin-1")
    guesses(auth, "ada", ADDRESS, 15)
    expected = [*[refused] * 10, throttled]
    assert auth.entries()[before:] == expected
    for _ in range(50):
        guess(auth, "ada", next(source))
    assert auth.entries()[before:] == [*expected, *[refused] * 10, throttled]


def test_an_unknown_name_is_stored_nowhere(auth: Harness) -> None:
    before = auth.entries()
    guesses(auth, "my-mistyped-password", ADDRESS, 15)
    assert auth.entries() == before
    throttles = auth.store.throttles.find(sign_in_buckets("my-mistyped-password", ADDRESS).ids)
    assert "mistyped" not in repr(throttles)
