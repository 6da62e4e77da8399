"""The rules of throttling: which attempts count together, and when another is allowed."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.entities import Throttle
from services.auth.rules.throttles import (
    WINDOW,
    Bucket,
    fold_username,
    is_full,
    network_of,
    retry_after,
    sign_in_buckets,
)
from tests.clock import MILLISECOND, NOON, SECOND

ADDRESS, OTHER_ADDRESS = "192.0.2.1", "192.0.2.2"
BUCKET = Bucket("a", 3)


def a_throttle(attempts: int, duration: timedelta = WINDOW, throttle_id: str = "a") -> Throttle:
    """Return attempts in a window that ends this long after noon."""
    return Throttle(throttle_id, attempts, NOON + duration)


def test_an_account_has_at_most_a_hundred_attempts_per_hour() -> None:
    buckets = sign_in_buckets("ada", ADDRESS)
    limits = [each.limit for each in (buckets.account_and_address, buckets.account, buckets.address)]
    assert (limits, WINDOW) == ([10, 20, 100], timedelta(minutes=15))
    # An hour touches at most five windows.
    assert 5 * buckets.account.limit <= 100


def test_bucket_ids_are_digests_and_all_differ() -> None:
    pairs = [(name, address) for name in ("ada", "192.0.2.1") for address in (ADDRESS, OTHER_ADDRESS, None)]
    ids = {each for pair in pairs for each in sign_in_buckets(*pair).ids}
    # Three addresses, two accounts, and six pairs of both, each with its familiar row.
    assert len(ids) == 3 + 2 + 6 + 6
    assert all(len(each) == 64 and set(each) <= set("0123456789abcdef") for each in ids)


@pytest.mark.parametrize("name", ["ada", " ada ", "ADA", "Ada\n", "ａｄａ", "Ａda"])
def test_variants_of_a_name_are_the_same_account(name: str) -> None:
    assert sign_in_buckets(name, ADDRESS) == sign_in_buckets("ada", ADDRESS)


@given(st.text())
def test_folding_twice_changes_nothing(name: str) -> None:
    assert fold_username(fold_username(name).strip()) == fold_username(name).strip()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (None, ""),
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
    ],
)
def test_the_network_of_an_address_identifies_a_client(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_attempts_from_a_familiar_address_do_not_count_for_the_account() -> None:
    buckets = sign_in_buckets("ada", ADDRESS)
    everything = (buckets.address, buckets.account, buckets.account_and_address)
    familiar = a_throttle(0, SECOND, buckets.familiar)
    assert buckets.counted([], NOON) == everything
    assert buckets.counted([a_throttle(5, SECOND, each.id) for each in everything], NOON) == everything
    assert buckets.counted([familiar], NOON) == (buckets.address, buckets.account_and_address)
    assert buckets.counted([familiar], NOON + SECOND) == everything


@pytest.mark.parametrize(
    ("attempts", "room", "seconds"),
    [(0, 1, None), (2, 1, None), (3, 1, 900), (4, 1, 900), (3, 0, None), (4, 0, 900), (9, 0, 900)],
)
def test_a_bucket_allows_attempts_up_to_its_limit(attempts: int, room: int, seconds: int | None) -> None:
    assert retry_after([BUCKET], [a_throttle(attempts)], NOON, room=room) == seconds


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(timedelta(0), None), (-SECOND, None), (MILLISECOND, 1), (SECOND, 1), (SECOND + MILLISECOND, 2)],
)
def test_the_wait_is_rounded_up_to_whole_seconds(duration: timedelta, seconds: int | None) -> None:
    assert retry_after([BUCKET], [a_throttle(3, duration)], NOON, room=1) == seconds


def test_the_wait_is_that_of_the_last_full_bucket() -> None:
    buckets = [Bucket(each, 3) for each in "abcd"]
    throttles = [
        a_throttle(3, 2 * SECOND, "a"),
        a_throttle(3, 5 * SECOND, "b"),
        a_throttle(2, 9 * SECOND, "c"),
        a_throttle(9, 9 * SECOND, "of another account"),
    ]
    assert retry_after(buckets, throttles, NOON, room=1) == 5
    assert retry_after(buckets, [], NOON, room=1) is None


def test_a_bucket_is_full_with_its_last_attempt() -> None:
    full = [is_full([BUCKET], [a_throttle(attempts)], NOON) for attempts in (1, 2, 3, 4)]
    assert full == [False, False, True, True]
