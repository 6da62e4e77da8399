"""How often somebody may try to sign in: as one account from one address, as one account, and from one address.

OWASP ASVS 5.0 6.3.1 and 6.1.1; its Credential Stuffing and Authentication cheat sheets; ASVS 4.0.3 2.2.1 and NIST
SP 800-63B-4 section 3.2.2 name 100 wrong passwords for one account as the most: five windows may touch one hour, and
an account has 20 attempts in each.
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
# From where somebody has signed in, strangers who guess elsewhere keep nobody out (OWASP, "Device cookies").
FAMILIAR_FOR = timedelta(days=30)

# Whoever has one address of such a network has all of them (RFC 6177).
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Bucket:
    """What attempts are counted in, and how many it takes in a window."""

    id: str
    limit: int


@dataclass(frozen=True, slots=True)
class SignInBuckets:
    """Those of one account and one address; `familiar` is the id under which it is kept that they know each other."""

    address: Bucket
    account: Bucket
    account_and_address: Bucket
    familiar: str

    @property
    def ids(self) -> tuple[str, ...]:
        """Of all four."""
        return (self.address.id, self.account.id, self.account_and_address.id, self.familiar)

    def counting(self, throttles: Iterable[Throttle], now: datetime) -> tuple[Bucket, ...]:
        """Those that an attempt now is counted in, always in the same order, so that no two attempts lock crosswise."""
        if any(each.id == self.familiar and each.window_ends_at > now for each in throttles):
            return (self.address, self.account_and_address)
        return (self.address, self.account, self.account_and_address)


def sign_in_buckets(username: str, address: str | None) -> SignInBuckets:
    """Where an attempt belongs, whether or not anybody has that name; no id tells the name or the address."""
    account, network = folded(username), network_of(address)
    return SignInBuckets(
        address=Bucket(_id("address", network), ATTEMPTS_OF_ADDRESS),
        account=Bucket(_id("account", account), ATTEMPTS_OF_ACCOUNT),
        account_and_address=Bucket(_id("both", account, network), ATTEMPTS_OF_ACCOUNT_AND_ADDRESS),
        familiar=_id("familiar", account, network),
    )


def retry_after(
    buckets: Iterable[Bucket], throttles: Iterable[Throttle], now: datetime, *, room: int = 0
) -> int | None:
    """The seconds until each of the buckets has `room` for so many more attempts; None when it has that already."""
    kept = {each.id: each for each in throttles if each.window_ends_at > now}
    over = (kept[each.id] for each in buckets if each.id in kept and kept[each.id].attempts + room > each.limit)
    waits = [math.ceil((each.window_ends_at - now).total_seconds()) for each in over]
    return max(waits, default=None)


def is_full(buckets: Iterable[Bucket], throttles: Iterable[Throttle], now: datetime) -> bool:
    """Whether the attempt that was just counted was the last that one of them takes."""
    return retry_after(buckets, throttles, now, room=1) is not None


def folded(username: str) -> str:
    """The name as whoever guesses might vary it: neither case nor width of its letters makes another account."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username.strip()).casefold())


def network_of(address: str | None) -> str:
    """The address as far as it tells one client from another; empty when it is not known."""
    if address is None:
        return ""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return _network_of_ipv6(parsed)
    return str(parsed)


def _network_of_ipv6(address: IPv6Address) -> str:
    mapped: IPv4Address | None = address.ipv4_mapped
    return str(mapped or ip_network((int(address), _IPV6_PREFIX), strict=False))


def _id(*parts: str) -> str:
    # No part can hold a NUL: names have no control characters.
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
