"""How often who did what: hits counted by window, in a store that every worker shares, or in this worker's memory."""

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, TypeVar

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from valkey.asyncio import ConnectionPool

from services.kit.core.logging import log

# A count that takes longer is made here: to count wrongly is better than to keep a client waiting.
STORE_SECONDS = 1
# A store that is away is asked again so often, by one request; all others do not wait for it meanwhile.
RETRY_SECONDS = 1
# So many are asked at once; the others wait for their turn, which is not the store's fault.
STORE_CONNECTIONS = 32
# What one customer of an IPv6 network is given at least (RFC 6177): who counts single addresses counts nothing.
IPV6_PREFIX_BITS = 64

# Names that a worker keeps in memory, some 300 bytes each; among so many no ended window is looked for.
MOST_NAMES = 200_000
LEAST_ROOM = 1_000
NO_WINDOW = (0.0, 0)

Result = TypeVar("Result")


class Counts:
    """The counted hits. Without a shared store, and while it is away, each worker counts for itself."""

    def __init__(self, store: ConnectionPool | None = None, clock: Callable[[], float] = time.monotonic):
        self._store = store
        self._clock = clock
        self._turns = asyncio.Semaphore(STORE_CONNECTIONS)
        self._own = FixedWindowRateLimiter(Memory())
        self._shared = None if store is None else _shared_by(store)
        self._away = False
        self._ask_again_at = 0.0

    async def ask(self, question: Callable[[FixedWindowRateLimiter], Awaitable[Result]]) -> Result:
        """The shared store's answer; this worker's own when there is none within STORE_SECONDS. Never fails."""
        if self._shared is None:
            return await question(self._own)
        if not await self._has_a_turn():
            return await question(self._own)
        try:
            return await self._ask_shared(self._shared, question)
        finally:
            self._turns.release()

    async def close(self) -> None:
        """Close the connections to the store."""
        if self._store is not None:
            await self._store.aclose()

    async def _has_a_turn(self) -> bool:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await self._turns.acquire()
        except TimeoutError:
            return False

    async def _ask_shared(
        self, shared: FixedWindowRateLimiter, question: Callable[[FixedWindowRateLimiter], Awaitable[Result]]
    ) -> Result:
        if not self._may_be_asked():
            return await question(self._own)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                answer = await question(shared)
        # Not its own errors alone: uvloop has a RuntimeError for a connection that is reset under a write, and what is
        # no answer of a store ends in a ValueError or a TypeError.
        except Exception as error:
            self._went_away(error)
            return await question(self._own)
        self._is_there()
        return answer

    def _may_be_asked(self) -> bool:
        if not self._away:
            return True
        if self._clock() < self._ask_again_at:
            return False
        self._ask_again_at = self._clock() + RETRY_SECONDS
        return True

    def _went_away(self, error: Exception) -> None:
        self._ask_again_at = self._clock() + RETRY_SECONDS
        if not self._away:
            self._away = True
            log.warning("rate_limit_store_unavailable", error=repr(error))

    def _is_there(self) -> None:
        if self._away:
            self._away = False
            log.info("rate_limit_store_available")


class Memory(Storage):
    """Counts in this process. The storage in memory of `limits` looks at every key at every hit: with 30,000 clients in
    a window that took 3 ms a request."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float] = time.time):
        super().__init__()
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}
        self._room = LEAST_ROOM

    @property
    def base_exceptions(self) -> type[Exception]:
        """None is raised here; `limits` asks."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """The hits in the key's window with these; the first begins one of `expiry` seconds."""
        ends_at, hits = self._window(key)
        if not hits:
            self._make_room()
            ends_at = self._clock() + expiry
        self._windows[key] = (ends_at, hits + amount)
        return hits + amount

    async def get(self, key: str) -> int:
        """The hits in the key's window."""
        return self._window(key)[1]

    async def get_expiry(self, key: str) -> float:
        """When the key's window ends, in seconds since the epoch; in the past when there is none."""
        return self._window(key)[0]

    async def check(self) -> bool:
        """Always there."""
        return True

    async def reset(self) -> int:
        """Forget everything."""
        windows, self._windows = self._windows, {}
        return len(windows)

    async def clear(self, key: str) -> None:
        """Forget the key."""
        self._windows.pop(key, None)

    def _window(self, key: str) -> tuple[float, int]:
        ends_at, hits = self._windows.get(key, NO_WINDOW)
        return (ends_at, hits) if ends_at > self._clock() else NO_WINDOW

    def _make_room(self) -> None:
        # Seldom, so that it costs little per hit; who has more names than fit begins anew, not the process.
        if len(self._windows) < self._room:
            return
        going_on = [item for item in self._windows.items() if item[1][0] > self._clock()]
        self._windows = dict(going_on[-MOST_NAMES // 2 :])
        self._room = 2 * max(len(self._windows), LEAST_ROOM // 2)


class Throttle:
    """At most so many hits under a name in a window, which begins with the first of them.

    `purpose` keeps its counts apart from those of other throttles. A name may have several parts, of any characters
    and length: `await throttle.hit(event_slug, network(address))`.
    """

    def __init__(self, counts: Counts, purpose: str, most: int, window_seconds: int):
        self._counts = counts
        self._limit = RateLimitItemPerSecond(most, window_seconds, namespace=purpose)

    async def blocked_for(self, *name: str) -> int | None:
        """The seconds until the window ends when it has no hit left, else None; counts nothing."""

        async def look(limiter: FixedWindowRateLimiter) -> int | None:
            key = _key(name)
            return None if await limiter.test(self._limit, key) else await self._seconds_left(limiter, key)

        return await self._counts.ask(look)

    async def hit(self, *name: str) -> int | None:
        """Count one more; None when it was within the limit, else the seconds until the window ends."""

        async def count(limiter: FixedWindowRateLimiter) -> int | None:
            key = _key(name)
            return None if await limiter.hit(self._limit, key) else await self._seconds_left(limiter, key)

        return await self._counts.ask(count)

    async def is_used_up(self, *name: str) -> bool:
        """Whether the window has no hit left; counts nothing, and asks the store once where `blocked_for` asks more."""
        return not await self._counts.ask(lambda limiter: limiter.test(self._limit, _key(name)))

    async def _seconds_left(self, limiter: FixedWindowRateLimiter, key: str) -> int:
        window = await limiter.get_window_stats(self._limit, key)
        return max(1, math.ceil(window.reset_time - time.time()))


def store_at(url: str) -> ConnectionPool:
    """Connections to the Valkey or Redis at a URL with the scheme valkey, valkeys (with TLS), redis or rediss.

    None is made before the first count, so that none crosses a fork (TRAPS 7).
    """
    # It need not know that we are valkey-py of some version, which would take two more answers per connection.
    return ConnectionPool.from_url(
        url, socket_timeout=STORE_SECONDS, socket_connect_timeout=STORE_SECONDS, lib_name=None, lib_version=None
    )


def network(address: str) -> str:
    """Whom to count an address as: an IPv4 address as itself, an IPv6 address as its /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), IPV6_PREFIX_BITS), strict=False))


def _shared_by(store: ConnectionPool) -> FixedWindowRateLimiter:
    options: Any = {"connection_pool": store}
    return FixedWindowRateLimiter(RedisStorage("async+valkey://", key_prefix="flix", **options))


def _key(name: tuple[str, ...]) -> str:
    # Of one length, whatever a client put into it, and without the addresses of people.
    return hashlib.sha256(repr(name).encode()).hexdigest()
