"""The rules of throttling: which attempts count together, and when another is allowed."""

from datetime import timedelta

import pytest

from services.auth.entities import Throttle
from services.auth.rules.throttles import (
    WINDOW,
    Bucket,
    has_failed,
    network_of,
    refusal_actions,
    retry_after,
    sign_in_buckets,
)
from tests.clock import MILLISECOND, NOON, SECOND

ADDRESS, OTHER_ADDRESS = "192.0.2.1", "192.0.2.2"
BUCKET = Bucket("a", 3)


def a_throttle(attempts: int, duration: timedelta = WINDOW, throttle_id: str = "a") -> Throttle:
    """Return attempts in a window that ends this long after noon."""
    return Throttle(throttle_id, attempts, NOON + duration)


def test_only_the_limits_of_an_address_refuse() -> None:
    buckets = sign_in_buckets("ada", ADDRESS)
    assert buckets.limiting == (buckets.address, buckets.account_and_address)
    assert ([each.limit for each in buckets.limiting], WINDOW) == ([100, 10], timedelta(minutes=15))


def test_bucket_ids_are_digests_and_all_differ() -> None:
    pairs = [(name, address) for name in ("ada", "192.0.2.1") for address in (ADDRESS, OTHER_ADDRESS, None)]
    ids = {each for pair in pairs for each in sign_in_buckets(*pair).ids}
    # Three addresses, two accounts, and six pairs of both.
    assert len(ids) == 3 + 2 + 6
    assert all(len(each) == 64 and set(each) <= set("0123456789abcdef") for each in ids)


@pytest.mark.parametrize("name", ["ada", " ada ", "ADA", "Ada\n", "ada\u200b", "\ufeffADA"])
def test_variants_of_a_name_are_the_same_account(name: str) -> None:
    assert sign_in_buckets(name, ADDRESS) == sign_in_buckets("ada", ADDRESS)


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


@pytest.mark.parametrize(
    ("throttle", "failed"),
    [
        (a_throttle(1), True),
        (a_throttle(0), False),
        (a_throttle(1, -SECOND), False),
        (a_throttle(1, WINDOW, "b"), False),
    ],
)
def test_an_address_has_failed_while_its_window_has_attempts(throttle: Throttle, failed: bool) -> None:
    assert has_failed(BUCKET, [throttle], NOON) is failed


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


@pytest.mark.parametrize(
    ("of_account", "of_both", "actions"),
    [
        (1, 1, ("sign_in.refused",)),
        (10, 10, ("sign_in.refused", "sign_in.throttled")),
        (19, 1, ("sign_in.refused",)),
        (20, 1, ("sign_in.refused", "sign_in.throttled")),
        (21, 1, ()),
        (21, 10, ()),
    ],
)
def test_twenty_refusals_of_an_account_are_audited(of_account: int, of_both: int, actions: tuple[str, ...]) -> None:
    buckets = sign_in_buckets("ada", ADDRESS)
    rows = {buckets.address.id: of_both, buckets.account: of_account, buckets.account_and_address.id: of_both}
    throttles = [a_throttle(attempts, WINDOW, each) for each, attempts in rows.items()]
    assert refusal_actions(buckets, throttles, NOON) == actions
