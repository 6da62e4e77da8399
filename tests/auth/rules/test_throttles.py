"""services.auth.rules.throttles: which attempts belong together, and when there is room for another."""

from datetime import timedelta
from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth import rules
from services.auth.entities import Throttle
from services.auth.rules.throttles import Bucket, folded, network_of, sign_in_buckets
from tests.clock import MILLISECOND, NOON, SECOND

HERE, THERE = "192.0.2.1", "192.0.2.2"
BUCKET = Bucket("a", 3)


def a_throttle(attempts: int, lasting: timedelta = rules.WINDOW, throttle_id: str = "a") -> Throttle:
    """So many attempts in a window that lasts so long from noon on."""
    return Throttle(throttle_id, attempts, NOON + lasting)


# Which attempts belong together


def test_the_limits_keep_an_account_below_a_hundred_wrong_passwords_an_hour() -> None:
    buckets = sign_in_buckets("ada", HERE)
    limits = [each.limit for each in (buckets.account_and_address, buckets.account, buckets.address)]
    assert (limits, rules.WINDOW) == ([10, 20, 100], timedelta(minutes=15))
    # An hour touches five windows at most.
    assert 5 * buckets.account.limit <= 100


def test_an_id_tells_neither_name_nor_address_and_no_two_are_alike() -> None:
    buckets = [sign_in_buckets(name, address) for name in ("ada", "192.0.2.1") for address in (HERE, THERE, None)]
    ids = {each for bucket in buckets for each in bucket.ids}
    # Three addresses, two accounts, and six of both, each once as familiar.
    assert len(ids) == 3 + 2 + 6 + 6
    assert all(len(each) == 64 and set(each) <= set("0123456789abcdef") for each in ids)


@pytest.mark.parametrize("name", ["ada", " ada ", "ADA", "Ada\n", "ａｄａ", "Ａda"])
def test_a_name_that_only_looks_otherwise_is_the_same_account(name: str) -> None:
    assert sign_in_buckets(name, HERE) == sign_in_buckets("ada", HERE)


@given(st.text())
def test_folding_a_folded_name_changes_nothing(name: str) -> None:
    assert folded(folded(name).strip()) == folded(name).strip()


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
def test_an_address_is_told_apart_as_far_as_one_client_has_one(address: str | None, network: str) -> None:
    assert network_of(address) == network


@given(st.ip_addresses())
def test_every_address_of_one_network_of_ipv6_is_one(address: object) -> None:
    text = str(address)
    if isinstance(parsed := ip_address(text), IPv6Address) and parsed.ipv4_mapped is None:
        neighbour = IPv6Address(int(parsed) ^ 1)
        other_network = IPv6Address(int(parsed) ^ (1 << 64))
        assert network_of(text) == network_of(str(neighbour))
        assert network_of(text) != network_of(str(other_network))
    elif parsed.version == 4:
        assert network_of(text) == text


def test_an_attempt_counts_for_the_account_unless_it_comes_from_where_the_account_has_signed_in() -> None:
    buckets = sign_in_buckets("ada", HERE)
    everything = (buckets.address, buckets.account, buckets.account_and_address)
    familiar = a_throttle(0, SECOND, buckets.familiar)
    assert buckets.counting([], NOON) == everything
    assert buckets.counting([a_throttle(5, SECOND, each.id) for each in everything], NOON) == everything
    assert buckets.counting([familiar], NOON) == (buckets.address, buckets.account_and_address)
    assert buckets.counting([familiar], NOON + SECOND) == everything


# Whether there is room


@pytest.mark.parametrize(
    ("attempts", "room", "seconds"),
    [(0, 1, None), (2, 1, None), (3, 1, 900), (4, 1, 900), (3, 0, None), (4, 0, 900), (9, 0, 900)],
)
def test_a_bucket_takes_as_many_as_its_limit(attempts: int, room: int, seconds: int | None) -> None:
    assert rules.retry_after([BUCKET], [a_throttle(attempts)], NOON, room=room) == seconds


@pytest.mark.parametrize(
    ("lasting", "seconds"),
    [(timedelta(0), None), (-SECOND, None), (MILLISECOND, 1), (SECOND, 1), (SECOND + MILLISECOND, 2)],
)
def test_one_has_to_wait_until_the_window_is_over_in_whole_seconds(lasting: timedelta, seconds: int | None) -> None:
    assert rules.retry_after([BUCKET], [a_throttle(3, lasting)], NOON, room=1) == seconds


def test_one_has_to_wait_for_the_last_of_the_full_ones() -> None:
    buckets = [Bucket("a", 3), Bucket("b", 3), Bucket("c", 3), Bucket("d", 3)]
    throttles = [
        a_throttle(3, 2 * SECOND, "a"),
        a_throttle(3, 5 * SECOND, "b"),
        a_throttle(2, 9 * SECOND, "c"),
        a_throttle(9, 9 * SECOND, "of somebody else"),
    ]
    assert rules.retry_after(buckets, throttles, NOON, room=1) == 5
    assert rules.retry_after(buckets, [], NOON, room=1) is None


def test_a_bucket_is_full_with_its_last_attempt() -> None:
    assert [rules.is_full([BUCKET], [a_throttle(attempts)], NOON) for attempts in (1, 2, 3, 4)] == [
        False,
        False,
        True,
        True,
    ]
