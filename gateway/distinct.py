"""Count distinct wrong access keys in a window, in the store that all workers share or in the memory of this worker."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from valkey.asyncio import Valkey
from valkey.commands.core import AsyncScript

from gateway.limiter import Counts

ADMITTED_SECONDS = 86_400
# A worker's memory: names of about 300 bytes, digests of about 100. Over the second bound it counts hits.
MAXIMUM_NAMES = 200_000
MAXIMUM_DIGESTS = 200_000
SWEEP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Bounds:
    """The distinct wrong keys that one client, and all clients of an event, may send in a window."""

    of_client: int
    of_event: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class JudgedKey:
    """A key that content has judged: its digest, and the names under which the client and the event are counted."""

    client: str
    event: str
    admission: str
    verdict: Literal["right", "stale", "wrong"]
    digest: str


class DistinctKeys:
    """The wrong keys of each client and event, and the clients that were admitted with the right one within a day."""

    def __init__(self, counts: Counts, bounds: Bounds):
        self._counts = counts
        self._bounds = bounds
        self._own = Memory()
        self._script = None if counts.store is None else Valkey(connection_pool=counts.store).register_script(_SCRIPT)

    async def seconds_until_disclosed(self, key: JudgedKey) -> int:
        """Return 0 when the judgement may be disclosed to the client, and count the key; else the seconds to wait.

        Looking and counting are one step: of keys that are judged at the same time, none beyond a bound is disclosed.
        """
        script = self._script
        shared = None if script is None else partial(self._ask_store, script, key)
        return await self._counts.either(shared, partial(self._ask_memory, key))

    async def _ask_store(self, script: AsyncScript, key: JudgedKey) -> int:
        names = [f"flix:access-keys:{name}" for name in (key.client, key.event, key.admission)]
        bounds = [self._bounds.of_client, self._bounds.of_event, self._bounds.window_seconds * 1000]
        milliseconds = await script(keys=names, args=[*bounds, key.verdict, key.digest, ADMITTED_SECONDS])
        return math.ceil(int(milliseconds) / 1000)

    async def _ask_memory(self, key: JudgedKey) -> int:
        return math.ceil(self._own.seconds_until_disclosed(key, self._bounds))


# One script runs at a time, so that looking and counting are one step for all workers. A full set ends one window later
# than it counts: a store that is short of memory evicts what ends first, and so evicts full sets last.
_SCRIPT = """
local of_client, of_event, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local verdict, digest, admitted_seconds = ARGV[4], ARGV[5], ARGV[6]

local function left(name, maximum)
  if redis.call('SCARD', name) < maximum then return 0 end
  local milliseconds = redis.call('PTTL', name) - window
  if milliseconds > 0 then return milliseconds end
  redis.call('DEL', name)
  return 0
end

local function add(name, maximum)
  if redis.call('SCARD', name) >= maximum then return end
  redis.call('SADD', name, digest)
  if redis.call('PTTL', name) < 0 then redis.call('PEXPIRE', name, window) end
  if redis.call('SCARD', name) >= maximum then redis.call('PEXPIRE', name, redis.call('PTTL', name) + window) end
end

local milliseconds = left(KEYS[1], of_client)
if redis.call('EXISTS', KEYS[3]) == 0 then
  milliseconds = math.max(milliseconds, left(KEYS[2], of_event))
end
if milliseconds > 0 then return milliseconds end
if verdict == 'wrong' then
  add(KEYS[1], of_client)
  add(KEYS[2], of_event)
elseif verdict == 'right' then
  redis.call('SET', KEYS[3], '1', 'EX', admitted_seconds)
end
return 0
"""


@dataclass(slots=True)
class _Window:
    """The distinct keys of a name; `hits` are those that were counted without their digests."""

    ends_at: float
    digests: set[str] = field(default_factory=set)
    hits: int = 0
    is_full: bool = False

    @property
    def size(self) -> int:
        return len(self.digests) + self.hits


class Memory:
    """The counts of one worker. Its clock never steps back (docs/traps.md, 21)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._admitted: dict[str, float] = {}
        self._digests = 0
        self._sweep_at = 0.0

    def seconds_until_disclosed(self, key: JudgedKey, bounds: Bounds) -> float:
        """Return 0 and count the key, or the seconds to wait, as the script of the store does."""
        now = self._clock()
        is_admitted = self._admitted.get(key.admission, now) > now
        seconds = max(self._left(key.client, now), 0 if is_admitted else self._left(key.event, now))
        if seconds > 0:
            return seconds
        if key.verdict == "wrong":
            self._sweep(now)
            self._add(key.client, bounds.of_client, key.digest, now + bounds.window_seconds)
            self._add(key.event, bounds.of_event, key.digest, now + bounds.window_seconds)
        elif key.verdict == "right":
            self._sweep(now)
            # Last in the order of the dictionary, which is that of their ends.
            self._admitted.pop(key.admission, None)
            self._admitted[key.admission] = now + ADMITTED_SECONDS
        return 0

    def _left(self, name: str, now: float) -> float:
        window = self._windows.get(name)
        return window.ends_at - now if window is not None and window.is_full else 0

    def _add(self, name: str, maximum: int, digest: str, ends_at: float) -> None:
        window = self._windows.get(name)
        if window is None or window.ends_at <= self._clock():
            self._forget([name])
            window = self._windows[name] = _Window(ends_at)
        if window.is_full or digest in window.digests:
            return
        if self._digests < MAXIMUM_DIGESTS:
            window.digests.add(digest)
            self._digests += 1
        else:
            window.hits += 1
        if window.size >= maximum:
            window.is_full = True
            # A full window needs no digests.
            self._digests -= len(window.digests)
            window.digests.clear()

    def _sweep(self, now: float) -> None:
        if now < self._sweep_at:
            return
        self._sweep_at = now + SWEEP_SECONDS
        self._forget([name for name, window in self._windows.items() if window.ends_at <= now])
        if len(self._windows) > MAXIMUM_NAMES:
            # Those with the fewest keys first, and never a full one.
            counting = [name for name, window in self._windows.items() if not window.is_full]
            counting.sort(key=lambda name: self._windows[name].size)
            self._forget(counting[: len(self._windows) - MAXIMUM_NAMES // 2])
        admitted = [item for item in self._admitted.items() if item[1] > now]
        self._admitted = dict(admitted[-MAXIMUM_NAMES:])

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            window = self._windows.pop(name, None)
            self._digests -= 0 if window is None else len(window.digests)
