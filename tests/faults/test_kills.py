"""`kill -9` of each service, repeatedly, under writers."""

import statistics
import time

import pytest

from tests.faults.stack import FaultStack
from tests.faults.writing import WRITERS, losses, writing, written_by_half
from tests.figures import Figure, so_many

pytestmark = pytest.mark.full
KILLS = so_many(5, 200)
WRITES_BETWEEN_KILLS = 6
PEOPLE = 3


@pytest.mark.parametrize("service", ["auth", "content", "quiz"])
def test_a_killed_service_loses_no_acknowledged_write(
    stack: FaultStack, engine: str, service: str, figure: Figure
) -> None:
    seconds: list[float] = []
    with writing(stack, *[WRITERS[service]] * PEOPLE) as journal:
        for _ in range(KILLS):
            journal.await_more(WRITES_BETWEEN_KILLS, service)
            stack.kill(service)
            started = time.monotonic()
            stack.start(service)
            seconds.append(time.monotonic() - started)
        journal.await_more(WRITES_BETWEEN_KILLS, service)

    lost, halves = losses(stack, journal), written_by_half(stack)
    figure(
        f"{service} on {engine}, kill -9 {KILLS} times under writers: {len(journal.acknowledged)} writes acknowledged, "
        f"refused {journal.statuses()}, lost {len(lost)}, half there {len(halves)}, "
        f"ready again after {statistics.median(seconds):.2f} s (median)"
    )
    assert (lost, halves, stack.findings()) == ([], [], [])
    assert journal.refused.total() > 0
