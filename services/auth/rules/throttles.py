"""Limits for sign-in attempts: for an account from one address, and from one address.

OWASP ASVS 5.0 6.3.1 and 6.1.1; its Credential Stuffing and Authentication cheat sheets. No number of wrong passwords
from elsewhere keeps a person out (6.1.1); SECURITY.md says how many guesses an hour that allows.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from services.auth.entities import Throttle
from services.kit.core.texts import name_form

WINDOW = timedelta(minutes=15)
ATTEMPTS_OF_ACCOUNT_AND_ADDRESS = 10
ATTEMPTS_OF_ADDRESS = 100
# More refusals of an account in a window are not audited, so that nobody can fill the log with attempts.
AUDITED_REFUSALS = 20

# A client with one address of such a network has all of them (RFC 6177).
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Bucket:
    """A counter of attempts, and how many it allows in a window."""

    id: str
    limit: int


@dataclass(frozen=True, slots=True)
class SignInBuckets:
    """The buckets of one account and one address, and the id under which the account's attempts count for the audit."""

    address: Bucket
    account: str
    account_and_address: Bucket

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the rows in which an attempt counts, always in the same order to avoid deadlocks."""
        return (self.address.id, self.account, self.account_and_address.id)

    @property
    def limiting(self) -> tuple[Bucket, ...]:
        """The buckets that refuse attempts."""
        return (self.address, self.account_and_address)


def sign_in_buckets(username: str, address: str | None) -> SignInBuckets:
    """Return the buckets of an attempt, whether or not the account exists; ids reveal neither name nor address."""
    account, network = name_form(username), network_of(address)
    return SignInBuckets(
        address=Bucket(_id("address", network), ATTEMPTS_OF_ADDRESS),
        account=_id("account", account),
        account_and_address=Bucket(_id("both", account, network), ATTEMPTS_OF_ACCOUNT_AND_ADDRESS),
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


def has_failed(address: Bucket, throttles: Iterable[Throttle], now: datetime) -> bool:
    """Return whether wrong passwords from the address are counted now."""
    return any(each.id == address.id and each.window_ends_at > now and each.attempts > 0 for each in throttles)


def refusal_actions(buckets: SignInBuckets, throttles: Sequence[Throttle], now: datetime) -> Sequence[str]:
    """Return the audit actions of the wrong password that was counted last.

    `sign_in.throttled` is added when further ones are refused, or are not audited because the account had so many.
    """
    attempts = next((each.attempts for each in throttles if each.id == buckets.account), 0)
    if attempts > AUDITED_REFUSALS:
        return ()
    is_last = attempts == AUDITED_REFUSALS or retry_after(buckets.limiting, throttles, now, room=1) is not None
    return ("sign_in.refused", "sign_in.throttled") if is_last else ("sign_in.refused",)


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
