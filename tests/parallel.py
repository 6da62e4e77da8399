"""Many use cases at the same moment, each in a thread with a connection of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import peewee

from services.kit.core.errors import ServiceError
from services.kit.storage.database import is_postgresql

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


def without_patience(database: peewee.Database, use_case: Callable[[], object]) -> Callable[[], object]:
    """The use case on a connection that gives up a lock at once instead of waiting for it."""
    statement = "SET lock_timeout = 1" if is_postgresql(database) else "PRAGMA busy_timeout = 0"

    def run() -> object:
        database.execute_sql(statement)
        return use_case()

    return run
