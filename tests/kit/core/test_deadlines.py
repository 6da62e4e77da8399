"""services.kit.core.deadlines: how long a caller waits."""

import math
from contextvars import copy_context

import pytest

from services.kit.core.deadlines import deadline_header, seconds_left, set_deadline


def left(header: str | None) -> float:
    def read() -> float:
        set_deadline(header)
        return seconds_left()

    return copy_context().run(read)


@pytest.mark.parametrize("header", [None, "", "-1", "1.5", "1e3", " 1", "soon", "1000000000", "\u0663"])
def test_without_a_number_there_is_no_deadline(header: str | None) -> None:
    assert left(header) == math.inf


def test_a_number_is_the_milliseconds_from_now() -> None:
    assert left("0") <= 0
    assert 900_000 < left("999999999") <= 999_999.999


def test_a_caller_gives_what_is_left_and_nothing_below_zero() -> None:
    assert [deadline_header(seconds) for seconds in (10, 0.0129, -1)] == ["10000", "12", "0"]
