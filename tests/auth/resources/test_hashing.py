"""The limit for hashing: it never takes every thread, and refuses what would wait too long."""

import asyncio

import pytest

from services.auth.resources.resource import HashingLimit
from services.kit.core.errors import Unavailable


class Work:
    """Use cases that hash until they are released."""

    def __init__(self, limit: HashingLimit):
        self.running = 0
        self.finished = asyncio.Event()
        self._limit = limit

    async def hash(self) -> str:
        async with self._limit.slot():
            self.running += 1
            await self.finished.wait()
            self.running -= 1
        return "hashed"

    async def start(self, number: int) -> list[asyncio.Task[str]]:
        """Start this many and let each run until it waits."""
        tasks = [asyncio.create_task(self.hash()) for _ in range(number)]
        await asyncio.sleep(0)
        return tasks


@pytest.mark.parametrize(("threads", "concurrent"), [(1, 1), (2, 1), (4, 2), (5, 2)])
def test_at_most_half_of_the_threads_hash(threads: int, concurrent: int) -> None:
    async def run() -> None:
        work = Work(HashingLimit(threads))
        tasks = await work.start(6)
        assert work.running == concurrent
        work.finished.set()
        assert await asyncio.gather(*tasks) == ["hashed"] * 6

    asyncio.run(run())


def test_too_many_waiting_hashes_are_refused_until_one_leaves() -> None:
    async def run() -> None:
        work = Work(HashingLimit(4, waiting_limit=3))
        tasks = await work.start(5)
        with pytest.raises(Unavailable) as error:
            await work.hash()
        assert (error.value.status, error.value.retry_after) == (503, 1)
        tasks.pop().cancel()
        await asyncio.sleep(0)
        tasks += await work.start(1)
        work.finished.set()
        assert await asyncio.gather(*tasks) == ["hashed"] * 5

    asyncio.run(run())


def test_a_failed_hash_frees_its_slot() -> None:
    async def run() -> None:
        limit = HashingLimit(4, waiting_limit=0)
        for _ in range(10):
            with pytest.raises(ZeroDivisionError):
                async with limit.slot():
                    raise ZeroDivisionError
        async with limit.slot():
            pass

    asyncio.run(run())
