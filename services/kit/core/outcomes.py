"""The outcomes of several calls, given to those who wait for each."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def set_outcomes(waiting: Iterable["asyncio.Future[Result]"], outcomes: Sequence[Result | BaseException]) -> None:
    """Give each future its result or its error; those whose callers are gone get none."""
    for future, outcome in zip(waiting, outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
