"""services.auth.resources.Hashing: hashes never take every thread, and who would wait too long hears so."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from services.auth.resources import Hashing
from services.kit.core.errors import Unavailable
from services.kit.storage.database import open_database
from services.kit.storage.use_cases import UseCases

THREADS = 4
SECONDS = 30


@pytest.fixture
def use_cases() -> Iterator[UseCases]:
    """A pool of four threads."""
    pool = UseCases(open_database("sqlite:////nowhere/auth.sqlite"), THREADS)
    yield pool
    pool.close()


class Hash:
    """A use case that hashes until it is let go."""

    def __init__(self) -> None:
        self.running = 0
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self._counting = threading.Lock()

    def __call__(self) -> str:
        """Done when it is let go."""
        with self._counting:
            self.running += 1
        self.begun.release()
        assert self.let_go.acquire(timeout=SECONDS)
        with self._counting:
            self.running -= 1
        return "hashed"

    async def until_begun(self) -> None:
        """One more has begun."""
        assert await asyncio.to_thread(self.begun.acquire, timeout=SECONDS)


def test_no_more_than_half_of_the_threads_hash_and_the_others_answer(use_cases: UseCases) -> None:
    async def scene() -> None:
        hashing, work = Hashing(use_cases), Hash()
        tasks = [asyncio.create_task(hashing.run(work)) for _ in range(6)]
        for _ in range(2):
            await work.until_begun()
        # With every thread taken this would never be answered.
        assert [await use_cases.run(lambda: work.running) for _ in range(5)] == [2] * 5
        for _ in range(6):
            work.let_go.release()
        assert await asyncio.gather(*tasks) == ["hashed"] * 6

    asyncio.run(scene())


def test_beyond_those_who_may_wait_the_answer_is_to_try_again(use_cases: UseCases) -> None:
    async def scene() -> None:
        hashing, work = Hashing(use_cases, waiting_limit=3), Hash()
        tasks = [asyncio.create_task(hashing.run(work)) for _ in range(5)]
        for _ in range(2):
            await work.until_begun()
        with pytest.raises(Unavailable) as refusal:
            await hashing.run(work)
        assert (refusal.value.status, refusal.value.retry_after) == (503, 1)
        # One who does not wait any longer leaves the place to another.
        tasks[-1].cancel()
        await asyncio.gather(tasks[-1], return_exceptions=True)
        tasks.append(asyncio.create_task(hashing.run(work)))
        for _ in range(5):
            work.let_go.release()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [each for each in results if each == "hashed"] == ["hashed"] * 5

    asyncio.run(scene())


def test_a_hash_that_fails_gives_its_place_back(use_cases: UseCases) -> None:
    async def scene() -> None:
        hashing = Hashing(use_cases, waiting_limit=0)
        for _ in range(10):
            with pytest.raises(ZeroDivisionError):
                await hashing.run(lambda: 1 / 0)
        assert await hashing.run(lambda: "hashed") == "hashed"

    asyncio.run(scene())


def test_where_there_is_one_thread_it_hashes_too() -> None:
    pool = UseCases(open_database("sqlite:////nowhere/auth.sqlite"), threads=1)
    assert asyncio.run(Hashing(pool).run(lambda: "hashed")) == "hashed"
    pool.close()
