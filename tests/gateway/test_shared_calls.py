"""gateway.shared_calls: nobody is answered with what began before they asked."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.shared_calls import SharedCall
from services.kit.core.errors import UpstreamTimeout


class Calls:
    """Calls that wait until the test lets them end, each with its own result."""

    def __init__(self) -> None:
        self.begun: list[asyncio.Future[int]] = []
        self.rests = 0
        self.shared = SharedCall(self._call, self._rest)

    async def ask(self) -> asyncio.Task[int]:
        """Begin to ask and let the loop run until nothing moves."""
        task = asyncio.create_task(self.shared())
        await settle()
        return task

    def _rest(self) -> None:
        self.rests += 1

    async def _call(self) -> int:
        self.begun.append(asyncio.get_running_loop().create_future())
        return await self.begun[-1]


async def settle() -> None:
    """Run what can run now."""
    for _ in range(10):
        await asyncio.sleep(0)


def run(use: Callable[[Calls], Awaitable[None]]) -> None:
    """Run the test on a loop of its own."""

    async def main() -> None:
        await use(Calls())

    asyncio.run(main())


def test_all_who_ask_during_a_call_share_the_next_one() -> None:
    async def use(calls: Calls) -> None:
        first = await calls.ask()
        later = [await calls.ask() for _ in range(3)]
        assert len(calls.begun) == 1
        calls.begun[0].set_result(1)
        await settle()
        assert (await first, len(calls.begun)) == (1, 2)
        latest = await calls.ask()
        calls.begun[1].set_result(2)
        await settle()
        assert [await each for each in later] == [2, 2, 2]
        assert calls.rests == 0
        calls.begun[2].set_result(3)
        assert (await latest, calls.rests) == (3, 1)

    run(use)


def test_a_failure_is_raised_to_all_and_ends_nothing() -> None:
    async def use(calls: Calls) -> None:
        both = [asyncio.create_task(calls.shared()) for _ in range(2)]
        await settle()
        next_one = await calls.ask()
        calls.begun[0].set_exception(OSError("broken"))
        for each in both:
            with pytest.raises(OSError, match="broken"):
                await each
        await settle()
        calls.begun[1].set_result(2)
        assert await next_one == 2

    run(use)


def test_who_has_waited_for_a_call_that_timed_out_waits_for_no_other() -> None:
    async def use(calls: Calls) -> None:
        first, second = await calls.ask(), await calls.ask()
        calls.begun[0].set_exception(UpstreamTimeout())
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(each) for each in outcomes] == [UpstreamTimeout, UpstreamTimeout]
        third = await calls.ask()
        calls.begun[1].set_result(3)
        assert await third == 3

    run(use)


def test_a_caller_who_leaves_does_not_end_the_call_of_the_others() -> None:
    async def use(calls: Calls) -> None:
        first, second = (asyncio.create_task(calls.shared()) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        calls.begun[0].set_result(1)
        assert (await second, first.cancelled()) == (1, True)

    run(use)


def test_a_call_that_all_have_left_ends_and_rests() -> None:
    async def use(calls: Calls) -> None:
        task = await calls.ask()
        task.cancel()
        await settle()
        calls.begun[0].set_exception(OSError("nobody hears of it"))
        await settle()
        assert (task.cancelled(), calls.rests) == (True, 1)

    run(use)
