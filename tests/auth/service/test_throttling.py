"""Throttled sign-in: before anything is hashed, whoever is asked for, and nobody else is kept out by it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from services.auth import rules
from services.auth.errors import InvalidCredentials, SignInThrottled
from services.auth.repository.contracts import AuthStore
from tests.auth.entries import entries_of
from tests.auth.examples import PASSWORD
from tests.auth.world import World
from tests.clock import LATER, MILLISECOND, SECOND

HERE, THERE = "192.0.2.1", "198.51.100.1"
GUESSES = 10_000


@pytest.fixture
def world(store: AuthStore) -> World:
    """See World; grace is an admin too."""
    built = World(store)
    built.service.create_admin("grace", PASSWORD, "admin-2")
    built.hasher.work_of()
    return built


def guess(world: World, username: str, address: str | None, password: str = "a wrong guess") -> int | None:
    """Try; the seconds to wait, or None when it was looked at and found wrong."""
    try:
        world.service.sign_in(username, password, address=address)
    except InvalidCredentials:
        return None
    except SignInThrottled as refusal:
        return refusal.retry_after
    raise AssertionError("the guess was right")


def addresses() -> Iterator[str]:
    """Ever other ones."""
    number = 0
    while True:
        number += 1
        yield f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


# The figures


def test_ten_thousand_guesses_from_one_address_cost_ten_hashes_and_keep_nobody_else_out(world: World) -> None:
    first, second = GUESSES // 2, GUESSES - GUESSES // 2
    answers = [guess(world, "ada", HERE) for _ in range(first)]
    assert (world.hasher.work_of(), answers.count(None)) == ((0, 10), 10)

    # From the same address, in the middle of it.
    assert world.service.sign_in("grace", PASSWORD, address=HERE).admin.id == "admin-2"
    assert world.hasher.work_of() == (0, 1)

    answers = [guess(world, "ada", HERE) for _ in range(second)]
    assert (world.hasher.work_of(), set(answers)) == ((0, 0), {900})


def test_ten_thousand_guesses_from_as_many_addresses_cost_twenty_hashes(world: World) -> None:
    answers = [guess(world, "ada", address) for _, address in zip(range(GUESSES), addresses(), strict=False)]
    assert (world.hasher.work_of(), answers[:20], set(answers[20:])) == ((0, 20), [None] * 20, {900})

    assert world.service.sign_in("grace", PASSWORD, address=HERE).admin.id == "admin-2"
    assert world.hasher.work_of() == (0, 1)


def test_in_no_hour_an_account_is_tried_more_than_a_hundred_times(world: World) -> None:
    began_at, looked_at = world.clock.at, []
    source = addresses()
    while world.clock.at < began_at + timedelta(hours=3):
        # As many as there is room for, as late in each window as possible.
        while guess(world, "ada", next(source)) is None:
            looked_at.append(world.clock.at)
        world.clock.at += timedelta(seconds=61)
    most = max(sum(1 for each in looked_at if at <= each < at + timedelta(hours=1)) for at in looked_at)
    assert most <= 100


# Before anything is hashed


def test_the_eleventh_attempt_of_one_account_from_one_address_has_to_wait(world: World) -> None:
    assert [guess(world, "ada", HERE) for _ in range(12)] == [None] * 10 + [900] * 2
    assert world.hasher.work_of() == (0, 10)
    with pytest.raises(SignInThrottled) as refusal:
        world.service.sign_in("ada", PASSWORD, address=HERE)
    assert (refusal.value.status, refusal.value.retry_after, refusal.value.envelope("r")) == (
        429,
        900,
        {"error": "RATE_LIMITED", "message": "Too many attempts to sign in; try again later", "requestId": "r"},
    )
    assert world.hasher.work_of() == (0, 0)


@pytest.mark.parametrize("username", ["ada", "nobody", "disabled"])
def test_names_that_nobody_has_and_people_who_may_not_sign_in_are_throttled_alike(world: World, username: str) -> None:
    world.service.create_admin("disabled", PASSWORD, "admin-3")
    world.service.people.change("admin-3", {"disabled": True})
    world.hasher.work_of()
    assert [guess(world, username, HERE) for _ in range(11)] == [None] * 10 + [900]
    assert world.hasher.work_of() == (0, 10)


def test_a_name_in_another_case_or_width_has_no_attempts_of_its_own(world: World) -> None:
    names = ["ada", "ADA", "Ada", "ａｄａ", "aDa"] * 3
    assert [guess(world, name, HERE) for name in names] == [None] * 10 + [900] * 5


def test_the_addresses_of_one_network_of_ipv6_have_no_attempts_of_their_own(world: World) -> None:
    assert [guess(world, "ada", f"2001:db8::{number:x}") for number in range(11)] == [None] * 10 + [900]
    assert guess(world, "ada", "2001:db8:0:1::") is None


def test_an_unknown_address_is_one_address(world: World) -> None:
    assert [guess(world, "ada", None) for _ in range(11)] == [None] * 10 + [900]
    assert guess(world, "ada", HERE) is None


def test_an_address_may_try_a_hundred_times_whatever_the_names(world: World) -> None:
    answers = [guess(world, f"name {number % 50}", HERE) for number in range(102)]
    assert answers == [None] * 100 + [900] * 2
    with pytest.raises(SignInThrottled):
        world.service.sign_in("grace", PASSWORD, address=HERE)
    assert world.service.sign_in("grace", PASSWORD, address=THERE).admin.id == "admin-2"


def test_what_is_refused_is_counted_nowhere(world: World) -> None:
    before = [guess(world, "ada", HERE) for _ in range(10)]
    buckets = rules.sign_in_buckets("ada", HERE)
    counted = world.store.throttles.get(buckets.ids)
    assert [guess(world, "ada", HERE) for _ in range(5)] == [900] * 5
    assert world.store.throttles.get(buckets.ids) == counted
    # Ten of this address's hundred, and ten of the account's twenty.
    assert sorted(each.attempts for each in counted) == [10, 10, 10]
    assert before == [None] * 10


def test_one_can_ask_whether_there_is_room_and_that_is_no_attempt(world: World) -> None:
    for _ in range(30):
        world.service.throttling.require_room("ada", HERE)
    assert world.store.throttles.get(rules.sign_in_buckets("ada", HERE).ids) == []
    for _ in range(10):
        guess(world, "ada", HERE)
    with pytest.raises(SignInThrottled) as refusal:
        world.service.throttling.require_room("ada", HERE)
    assert refusal.value.retry_after == 900


# When it is over


def test_the_wait_ends_a_quarter_of_an_hour_after_the_last_wrong_password(world: World) -> None:
    for _ in range(10):
        guess(world, "ada", HERE)
        world.clock.at += SECOND
    last = world.clock.at - SECOND
    assert guess(world, "ada", HERE) == 899
    world.clock.at = last + rules.WINDOW - MILLISECOND
    assert guess(world, "ada", HERE) == 1
    world.clock.at = last + rules.WINDOW
    assert world.service.sign_in("ada", PASSWORD, address=HERE).admin == world.ada


def test_a_success_takes_back_what_was_counted_against_it(world: World) -> None:
    for _ in range(9):
        guess(world, "ada", HERE)
    world.service.sign_in("ada", PASSWORD, address=HERE)
    buckets = rules.sign_in_buckets("ada", HERE)
    attempts = {each.id: each.attempts for each in world.store.throttles.get(buckets.ids)}
    # The wrong ones go on counting against the account and the address as such.
    assert attempts == {buckets.address.id: 9, buckets.account.id: 9, buckets.familiar: 0}
    assert [guess(world, "ada", HERE) for _ in range(11)] == [None] * 10 + [900]


def test_whoever_signs_in_over_and_over_is_never_throttled(world: World) -> None:
    for _ in range(150):
        world.service.sign_in("ada", PASSWORD, address=HERE)
    assert guess(world, "ada", HERE) is None


def test_strangers_who_guess_elsewhere_keep_nobody_out_of_where_they_have_signed_in(world: World) -> None:
    world.service.sign_in("ada", PASSWORD, address=HERE)
    world.clock.at += timedelta(days=29)
    for _, address in zip(range(30), addresses(), strict=False):
        guess(world, "ada", address)
    assert guess(world, "ada", THERE) == 900
    assert world.service.sign_in("ada", PASSWORD, address=HERE).admin.id == "admin-1"
    # There one may mistype as often as ever, and no more.
    assert [guess(world, "ada", HERE) for _ in range(11)] == [None] * 10 + [900]


def test_where_somebody_has_signed_in_is_forgotten_after_thirty_days(world: World) -> None:
    world.service.sign_in("ada", PASSWORD, address=HERE)
    world.clock.at += timedelta(days=30)
    for _, address in zip(range(20), addresses(), strict=False):
        guess(world, "ada", address)
    assert guess(world, "ada", HERE) == 900


def test_a_right_password_of_one_s_own_buys_no_guesses_at_others(world: World) -> None:
    for number in range(100):
        world.service.sign_in("grace", PASSWORD, address=HERE)
        guess(world, f"name {number % 50}", HERE)
    assert guess(world, "ada", HERE) == 900


def test_windows_that_are_over_are_removed_a_few_at_a_time(world: World) -> None:
    source = addresses()
    for number in range(30):
        guess(world, f"name {number}", next(source))
    at = world.clock.at = LATER + rules.WINDOW
    left = []
    for number in range(15):
        guess(world, "name 0", HERE if number < 8 else THERE)
        with world.store.transaction():
            left.append(world.store.throttles.remove_ended(at, 1))
    # Ninety windows: each refusal takes ten, and this test one.
    assert left == [1] * 8 + [0] * 7


# What is said of it


def test_every_refusal_of_a_person_is_told_and_that_they_are_throttled_once_for_each_window(world: World) -> None:
    before = len(entries_of(world.store))
    for _ in range(15):
        guess(world, "ada", HERE)
    refused, throttled = ("sign_in.refused", "admin-1"), ("sign_in.throttled", "admin-1")
    assert entries_of(world.store)[before:] == [refused] * 10 + [throttled]


def test_a_name_that_nobody_has_is_written_nowhere(world: World) -> None:
    before = entries_of(world.store)
    for _ in range(15):
        guess(world, "my-mistyped-password", HERE)
    assert entries_of(world.store) == before
    ids = rules.sign_in_buckets("my-mistyped-password", HERE).ids
    assert not [each for each in world.store.throttles.get(ids) if "mistyped" in each.id]
