"""Count hits per window, in a store that all workers share or in the memory of this worker."""

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple, TypeVar

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from valkey.asyncio import ConnectionPool

from services.kit.core.errors import Limit
from services.kit.core.logging import log
from services.kit.core.refusal_log import RefusalLog

# Count in this worker when the store takes longer: a wrong count is better than a client that waits.
STORE_SECONDS = 1
# One request tries an unavailable store again after this time; the others do not wait for it.
RETRY_SECONDS = 1
# Concurrent operations on the store. Waiting for a slot does not mean that the store is slow.
STORE_CONNECTIONS = 32
# A customer of an IPv6 network gets at least a /64 (RFC 6177), so counting single addresses would limit nobody.
IPV6_PREFIX_BITS = 64

# Parsing an address takes longer than looking it up.
REMEMBERED_ADDRESSES = 4096

# Names that a worker keeps in memory, about 300 bytes each, and the number from which ended windows are removed.
MAXIMUM_NAMES = 200_000
MINIMUM_CAPACITY = 1_000
NO_WINDOW = (0.0, 0)

Result = TypeVar("Result")


class Counts:
    """The counted hits. Each worker counts for itself without a shared store and while the store is unavailable."""

    def __init__(self, store: ConnectionPool | None = None, clock: Callable[[], float] = time.monotonic):
        self._store = store
        self._clock = clock
        self._slots = asyncio.Semaphore(STORE_CONNECTIONS)
        self._own = FixedWindowRateLimiter(Memory())
        self._shared = None if store is None else _shared_by(store)
        self._unavailable = False
        self._retry_at = 0.0

    @property
    def store(self) -> ConnectionPool | None:
        """The shared store."""
        return self._store

    async def run(self, operation: Callable[[FixedWindowRateLimiter], Awaitable[Result]]) -> Result:
        """Run the operation on the shared store, or in this worker after STORE_SECONDS. Raise nothing."""
        shared = None if self._shared is None else partial(operation, self._shared)
        return await self.either(shared, partial(operation, self._own))

    async def either(
        self, shared: Callable[[], Awaitable[Result]] | None, own: Callable[[], Awaitable[Result]]
    ) -> Result:
        """Run `shared`, which uses the store, or else `own`, as `run` does."""
        if shared is None or not await self._acquire_slot():
            return await own()
        try:
            return await self._run_shared(shared, own)
        finally:
            self._slots.release()

    async def close(self) -> None:
        """Close the connections to the store."""
        if self._store is not None:
            await self._store.aclose()

    async def _acquire_slot(self) -> bool:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await self._slots.acquire()
        except TimeoutError:
            return False

    async def _run_shared(
        self, shared: Callable[[], Awaitable[Result]], own: Callable[[], Awaitable[Result]]
    ) -> Result:
        if not self._may_use_store():
            return await own()
        try:
            async with asyncio.timeout(STORE_SECONDS):
                result = await shared()
        # Catch more than the store's errors: uvloop raises RuntimeError for a connection reset during a write, and an
        # unintelligible response raises ValueError or TypeError.
        except Exception as error:
            self._mark_unavailable(error)
            return await own()
        self._mark_available()
        return result

    def _may_use_store(self) -> bool:
        if not self._unavailable:
            return True
        if self._clock() < self._retry_at:
            return False
        self._retry_at = self._clock() + RETRY_SECONDS
        return True

    def _mark_unavailable(self, error: Exception) -> None:
        self._retry_at = self._clock() + RETRY_SECONDS
        if not self._unavailable:
            self._unavailable = True
            log.warning("rate_limit_store_unavailable", error=repr(error))

    def _mark_available(self) -> None:
        if self._unavailable:
            self._unavailable = False
            log.info("rate_limit_store_available")


class Memory(Storage):
    """Count in this process. The memory storage of `limits` visits every key at each hit: 3 ms with 30,000 clients.

    Windows are measured with a clock that never steps back; `limits` reads their ends on the `wall` clock.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time):
        super().__init__()
        self._clock = clock
        self._wall = wall
        self._windows: dict[str, tuple[float, int]] = {}
        self._capacity = MINIMUM_CAPACITY

    @property
    def base_exceptions(self) -> type[Exception]:
        """The errors of the storage, which `limits` asks for. None is raised."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add hits to the key's window and return their number. The first begins a window of `expiry` seconds."""
        ends_at, hits = self._window(key)
        if not hits:
            self._remove_ended()
            ends_at = self._clock() + expiry
        self._windows[key] = (ends_at, hits + amount)
        return hits + amount

    async def get(self, key: str) -> int:
        """Return the number of hits in the key's window."""
        return self._window(key)[1]

    async def get_expiry(self, key: str) -> float:
        """Return the end of the key's window in seconds since the epoch, in the past when there is none."""
        return self._wall() + self._window(key)[0] - self._clock()

    async def check(self) -> bool:
        """Return True: the memory is always available."""
        return True

    async def reset(self) -> int:
        """Remove every window."""
        windows, self._windows = self._windows, {}
        return len(windows)

    async def clear(self, key: str) -> None:
        """Remove the key."""
        self._windows.pop(key, None)

    def _window(self, key: str) -> tuple[float, int]:
        ends_at, hits = self._windows.get(key, NO_WINDOW)
        return (ends_at, hits) if ends_at > self._clock() else NO_WINDOW

    def _remove_ended(self) -> None:
        # Rare, so that it costs little per hit. Names over the maximum lose their counts, so that memory is bounded.
        if len(self._windows) < self._capacity:
            return
        open_windows = [item for item in self._windows.items() if item[1][0] > self._clock()]
        self._windows = dict(open_windows[-MAXIMUM_NAMES // 2 :])
        self._capacity = 2 * max(len(self._windows), MINIMUM_CAPACITY // 2)


class Usage(NamedTuple):
    """The hits that are left, negative beyond the limit, and the seconds until the window ends.

    These are None where nobody needs them, or where they would cost a call of the store.
    """

    left: int
    seconds: int | None


class Throttle:
    """A limit of hits under a name in a window, which begins with the first hit.

    `purpose` separates its counts from those of other throttles, and `policy` is its name for clients. The name of a
    hit can have several parts, of any characters and length: `await throttle.hit(event_slug, network(address))`.
    """

    def __init__(self, counts: Counts, purpose: str, maximum: int, window_seconds: int, policy: str = ""):
        self.limit = Limit(policy or purpose, maximum, window_seconds)
        self.refusals = RefusalLog("rate_limit_refused", "rate_limit")
        self._counts = counts
        self._limit = RateLimitItemPerSecond(maximum, window_seconds, namespace=purpose)

    def is_low(self, left: int) -> bool:
        """Return whether so few hits are left that a client should know."""
        return left * 2 < self.limit.quota

    async def blocked_for(self, *name: str) -> int | None:
        """Return the seconds until the window ends when no hit is left, else None. Count nothing."""

        async def look(limiter: FixedWindowRateLimiter) -> int | None:
            key = _key(name)
            return None if await limiter.test(self._limit, key) else await self._seconds_left(limiter, key)

        return await self._counts.run(look)

    async def hit(self, *name: str) -> int | None:
        """Count one hit. Return None within the limit, else the seconds until the window ends."""
        left, seconds = await self.count(*name)
        return None if left >= 0 else seconds

    async def count(self, *name: str) -> Usage:
        """Count one hit. Beyond the limit the seconds are known."""

        async def count(limiter: FixedWindowRateLimiter) -> Usage:
            key, storage = _key(name), limiter.storage
            left = self.limit.quota - await storage.incr(self._limit.key_for(key), self.limit.window_seconds)
            is_shown = left < 0 or (self.is_low(left) and isinstance(storage, Memory))
            return Usage(left, await self._seconds_left(limiter, key) if is_shown else None)

        return await self._counts.run(count)

    async def is_used_up(self, *name: str) -> bool:
        """Return whether no hit is left. Count nothing. Call the store once; `blocked_for` may call it twice."""
        return not await self._counts.run(lambda limiter: limiter.test(self._limit, _key(name)))

    async def _seconds_left(self, limiter: FixedWindowRateLimiter, key: str) -> int:
        window = await limiter.get_window_stats(self._limit, key)
        return max(1, math.ceil(window.reset_time - time.time()))


def store_at(url: str) -> ConnectionPool:
    """Return a pool for the Valkey or Redis at a URL with the scheme valkey, valkeys (with TLS), redis or rediss.

    It connects at the first count, so that no connection crosses a fork (docs/traps.md, 7).
    """
    # Sending the library's name and version would take two more round trips per connection.
    return ConnectionPool.from_url(
        url, socket_timeout=STORE_SECONDS, socket_connect_timeout=STORE_SECONDS, lib_name=None, lib_version=None
    )


@lru_cache(maxsize=REMEMBERED_ADDRESSES)
def network(address: str) -> str:
    """Return the network that is counted in place of the address: an IPv4 address itself, or the /64 of an IPv6 one."""
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


@lru_cache(maxsize=REMEMBERED_ADDRESSES)
def _key(name: tuple[str, ...]) -> str:
    # A hash has one length, whatever a client sends, and holds no personal address.
    return hashlib.sha256(repr(name).encode()).hexdigest()
