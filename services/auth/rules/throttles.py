"""Limits for sign-in attempts: for an account from one address, for an account, and from one address.

OWASP ASVS 5.0 6.3.1 and 6.1.1; its Credential Stuffing and Authentication cheat sheets. ASVS 4.0.3 2.2.1 and NIST
SP 800-63B-4 section 3.2.2 allow at most 100 wrong passwords for one account per hour: an hour touches at most five
windows, and an account has 20 attempts in each.
"""

import hashlib
import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from services.auth.entities import Throttle

WINDOW = timedelta(minutes=15)
ATTEMPTS_OF_ACCOUNT_AND_ADDRESS = 10
ATTEMPTS_OF_ACCOUNT = 20
ATTEMPTS_OF_ADDRESS = 100
# Guesses from elsewhere do not lock an account at an address where its owner has signed in (OWASP, "Device cookies").
FAMILIAR_FOR = timedelta(days=30)

# A client with one address of such a network has all of them (RFC 6177).
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Bucket:
    """A counter of attempts, and how many it allows in a window."""

    id: str
    limit: int


@dataclass(frozen=True, slots=True)
class SignInBuckets:
    """The buckets of one account and one address; the row `familiar` lasts while the account knows the address."""

    address: Bucket
    account: Bucket
    account_and_address: Bucket
    familiar: str

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all four rows."""
        return (self.address.id, self.account.id, self.account_and_address.id, self.familiar)

    def counted(self, throttles: Iterable[Throttle], now: datetime) -> tuple[Bucket, ...]:
        """Return the buckets in which an attempt counts now, always in the same order to avoid deadlocks."""
        if any(each.id == self.familiar and each.window_ends_at > now for each in throttles):
            return (self.address, self.account_and_address)
        return (self.address, self.account, self.account_and_address)


def sign_in_buckets(username: str, address: str | None) -> SignInBuckets:
    """Return the buckets of an attempt, whether or not the account exists; ids reveal neither name nor address."""
    account, network = fold_username(username), network_of(address)
    return SignInBuckets(
        address=Bucket(_id("address", network), ATTEMPTS_OF_ADDRESS),
        account=Bucket(_id("account", account), ATTEMPTS_OF_ACCOUNT),
        account_and_address=Bucket(_id("both", account, network), ATTEMPTS_OF_ACCOUNT_AND_ADDRESS),
        familiar=_id("familiar", account, network),
    )


def retry_after(
    buckets: Iterable[Bucket], throttles: Iterable[Throttle], now: datetime, *, room: int = 0
) -> int | None:
    """Return the seconds until every bucket allows `room` more attempts, or None when all of them do now."""
    current = {each.id: each for each in throttles if each.window_ends_at > now}
    full = (
        current[each.id] for each in buckets if each.id in current and current[each.id].attempts + room > each.limit
    )
    waits = [math.ceil((each.window_ends_at - now).total_seconds()) for each in full]
    return max(waits, default=None)


def is_full(buckets: Iterable[Bucket], throttles: Iterable[Throttle], now: datetime) -> bool:
    """Return whether the attempt counted last was the last one that some bucket allows."""
    return retry_after(buckets, throttles, now, room=1) is not None


def fold_username(username: str) -> str:
    """Return the name without differences of case and width, so that a variant is not another account."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username.strip()).casefold())


def network_of(address: str | None) -> str:
    """Return the part of the address that identifies a client; empty when the address is unknown."""
    if address is None:
        return ""
    parsed = ip_address(address)
    return _ipv6_network(parsed) if isinstance(parsed, IPv6Address) else str(parsed)


def _ipv6_network(address: IPv6Address) -> str:
    mapped: IPv4Address | None = address.ipv4_mapped
    return str(mapped or ip_network((int(address), _IPV6_PREFIX), strict=False))


def _id(*parts: str) -> str:
    # NUL separates the parts safely: names have no control characters.
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
