"""Many use cases at the same moment, each in a thread with a connection of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from services.kit.errors import ServiceError

Result = TypeVar("Result")


def at_once(*use_cases: Callable[[], Result]) -> Sequence[Result | ServiceError]:
    """What each of them returned or raised, all begun at the same moment."""
    start = Barrier(len(use_cases))

    def run(use_case: Callable[[], Result]) -> Result | ServiceError:
        start.wait()
        try:
            return use_case()
        except ServiceError as error:
            return error

    with ThreadPoolExecutor(len(use_cases)) as pool:
        return list(pool.map(run, use_cases))
