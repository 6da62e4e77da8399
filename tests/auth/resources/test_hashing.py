"""The queue for hashing: fair to addresses, never all threads, and a refusal for what would wait too long."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from services.auth.errors import InvalidCredentials, SignInThrottled
from services.auth.resources.resource import HashingQueue
from services.kit.core.errors import Unavailable
from tests.auth.examples import OWN_PASSWORD, PASSWORD
from tests.auth.harness import Harness

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.1"
GUESSERS = [f"10.0.{number // 250}.{number % 250}" for number in range(500)]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


class Work:
    """Use cases that hash in the order of `started`, each until `finish`."""

    def __init__(self, queue: HashingQueue):
        self.started: list[str] = []
        self._queue = queue
        self._hashing: list[asyncio.Event] = []
        self._tasks: list[asyncio.Task[str]] = []

    async def hash(self, name: str, address: str, is_suspect: Callable[[], Awaitable[bool]] = no) -> str:
        async with self._queue.slot(address, is_suspect):
            self.started.append(name)
            done = asyncio.Event()
            self._hashing.append(done)
            await done.wait()
        return "hashed"

    async def start(self, *requests: tuple[Any, ...]) -> list[asyncio.Task[str]]:
        """Start them and let each run until it waits."""
        tasks = [asyncio.create_task(self.hash(*each)) for each in requests]
        self._tasks += tasks
        await settle()
        return tasks

    async def finish(self, number: int = 1) -> None:
        """Let the oldest hashes end, one after the other."""
        for _ in range(number):
            self._hashing.pop(0).set()
            await settle()

    async def finish_all(self) -> None:
        while self._hashing:
            await self.finish()
        assert await asyncio.gather(*self._tasks) == ["hashed"] * len(self._tasks)


async def settle() -> None:
    """Let every task run until it waits for something that no other task gives."""
    for _ in range(10):
        await asyncio.sleep(0)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


@pytest.mark.parametrize(("threads", "concurrent"), [(1, 1), (2, 1), (4, 2), (5, 2)])
def test_at_most_half_of_the_threads_hash(threads: int, concurrent: int) -> None:
    async def test() -> None:
        work = Work(HashingQueue(threads))
        await work.start(*[(f"{number}", f"192.0.2.{number}") for number in range(6)])
        assert len(work.started) == concurrent
        await work.finish_all()
        assert work.started == [f"{number}" for number in range(6)]

    run(test)


def test_an_address_hashes_one_password_at_a_time_in_order() -> None:
    async def test() -> None:
        work = Work(HashingQueue(8))
        # One customer of an IPv6 network is one address, and so are clients without one.
        pairs = [(HERE, HERE), ("2001:db8:1:2::1", "2001:db8:1:2::9"), ("::ffff:192.0.2.7", "192.0.2.7")]
        await work.start(*[(f"{address} {turn}", address) for pair in pairs for turn, address in enumerate(pair)])
        assert work.started == [f"{first} 0" for first, _ in pairs]
        await work.finish(3)
        assert work.started[3:] == [f"{second} 1" for _, second in pairs]
        await work.finish_all()

    run(test)


def test_suspects_let_everybody_else_pass() -> None:
    async def test() -> None:
        work = Work(HashingQueue(2))
        await work.start(*[(f"suspect {number}", f"10.0.0.{number}", yes) for number in range(5)])
        await work.start(("owner", HERE), ("invited", ELSEWHERE))
        await work.finish_all()
        assert work.started == ["suspect 0", "owner", "invited", *[f"suspect {number}" for number in range(1, 5)]]

    run(test)


def test_beyond_its_places_the_queue_refuses_until_one_leaves() -> None:
    async def test() -> None:
        queue = HashingQueue(2, places=4)
        work = Work(queue)
        # An address that waits already is refused first, and leaves places for others.
        tasks = await work.start(("first", HERE), ("second", HERE))
        with pytest.raises(Unavailable) as error:
            await work.hash("third", HERE)
        assert (error.value.status, error.value.retry_after) == (503, 5)
        await work.start(("a", "10.0.0.1"), ("b", "10.0.0.2"))
        with pytest.raises(Unavailable):
            await work.hash("c", "10.0.0.3")
        tasks[1].cancel()
        await settle()
        await work.start(("c", "10.0.0.3"))
        await work.finish(4)
        assert work.started == ["first", "a", "b", "c"]

    run(test)


def test_whoever_waits_too_long_is_refused_and_hashes_nothing() -> None:
    async def test() -> None:
        work = Work(HashingQueue(2, seconds=0))
        with pytest.raises(Unavailable) as error:
            await work.hash("late", HERE, asyncio.Event().wait)
        assert (error.value.status, error.value.retry_after, work.started) == (503, 5, [])

    run(test)


def test_a_refused_or_failed_request_frees_its_place() -> None:
    async def test() -> None:
        queue = HashingQueue(2, places=1)

        async def throttled() -> bool:
            raise SignInThrottled

        for _ in range(3):
            with pytest.raises(SignInThrottled):
                async with queue.slot(HERE, throttled):
                    pass
            with pytest.raises(ZeroDivisionError):
                async with queue.slot(HERE, yes):
                    raise ZeroDivisionError
        async with queue.slot(HERE):
            pass

    run(test)


# The measure: 10,000 guesses from 500 addresses


class Door:
    """Sign-ins as the resource has them, each with one hash; `hashes` counts them."""

    def __init__(self, auth: Harness):
        self.auth = auth
        self.hashes = self.hashing = self.most = 0
        self.under_way = asyncio.Event()
        self._queue = HashingQueue(8)

    async def sign_in(self, username: str, password: str, address: str, new_password: str | None = None) -> str:
        """Return how it ended, with the hashes of all since it began."""
        before = self.hashes

        async def is_suspect() -> bool:
            return self.auth.service.waits_behind_others(username, password, address)

        try:
            async with self._queue.slot(address, is_suspect):
                await self._hash(username, password, new_password, address)
        except (InvalidCredentials, SignInThrottled, Unavailable) as error:
            return type(error).__name__
        return f"in after {self.hashes - before}"

    async def _hash(self, *sign_in: Any) -> None:
        self.hashing += 1
        self.most = max(self.most, self.hashing)
        # Others run while this one hashes.
        await asyncio.sleep(0)
        try:
            self.auth.service.sign_in(*sign_in)
        finally:
            self.hashing -= 1
            self.hashes += sum(self.auth.hasher.take_counts())
            if self.hashes >= 1000:
                self.under_way.set()


def test_the_owner_and_the_invited_get_in_beside_ten_thousand_guesses(auth: Harness) -> None:
    async def test() -> None:
        initial = auth.service.people.invite("grace", "editor").initial_password
        auth.hasher.take_counts()
        door = Door(auth)

        async def guesser(number: int, address: str) -> list[str]:
            name = ("ada", "grace")[number % 2]
            return [await door.sign_in(name, f"a wrong guess {each}", address) for each in range(20)]

        guessers = [asyncio.create_task(guesser(*each)) for each in enumerate(GUESSERS)]
        await door.under_way.wait()
        results = await asyncio.gather(
            door.sign_in("ada", PASSWORD, HERE), door.sign_in("grace", initial, ELSEWHERE, OWN_PASSWORD)
        )
        # Four hash at once: the owner and the invited pass all but those, and one another.
        assert [int(each.removeprefix("in after ")) <= 12 for each in results] == [True, True]
        guesses = [each for guesser in await asyncio.gather(*guessers) for each in guesser]
        assert (guesses.count("InvalidCredentials"), guesses.count("SignInThrottled")) == (5000, 5000)
        assert door.most == 4

    run(test)
