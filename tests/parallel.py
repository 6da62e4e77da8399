"""Use cases at the same moment, each in its own thread with its own connection."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar
from unittest.mock import patch

import peewee

from services.kit.core.errors import ServiceError
from services.kit.storage import write_turns
from services.kit.storage.database import at_begin, is_postgresql

Result = TypeVar("Result")


def at_once(*use_cases: Callable[[], Result]) -> Sequence[Result | ServiceError]:
    """Start all at the same moment; return the result or the ServiceError of each."""
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
    """Return the use case on a connection that fails at once instead of waiting for a lock."""

    def run() -> object:
        if is_postgresql(database):
            with at_begin(lambda: database.execute_sql("SET LOCAL lock_timeout = 1")):
                return use_case()
        with patch.object(write_turns, "TURN_SECONDS", 0):
            return use_case()

    return run
