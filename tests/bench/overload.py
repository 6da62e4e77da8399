"""More calls than the servers can answer, with the generator on one core and the servers on another."""

import math
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from deploy.stack import is_ready
from tests.bench import open_loop, servers
from tests.bench.generator import measure
from tests.bench.machine import memory, on_core, watching
from tests.bench.measuring import process_ids
from tests.bench.open_loop import NO_RESPONSE, Finished, Outcome
from tests.bench.requests import get
from tests.bench.scene import Scene, new_scene
from tests.bench.spike import mixed_calls, mixed_requests
from tests.bench.targets import Check
from tests.bench.workloads import SQLITE
from tests.installation import Installation
from tests.waiting import until

PEAK_SECONDS, WARM_UP_SECONDS = 5, 2
LOADS = (2, 4)
# Beyond this share of what bare Falcon answers, a core is busy with refusals alone.
MOST_OF_BARE = 0.6
# A call that was answered later than this is no success.
GOOD_SECONDS = 1
# After the load: nothing for a while, then calls at half the peak.
QUIET_SECONDS, AFTER_SECONDS, AFTER_LOAD = 2, 2, 0.5
# Learners come from many addresses, between which refusals are fair.
SOURCES = [f"127.0.1.{number}" for number in range(1, 65)]
GOODPUT = {2: 0.8, 4: 0.9}
REFUSAL_P99, AFTER_P99, GROWTH = 50, 50, 1.1


@dataclass(frozen=True)
class Overload:
    """What became of calls at `offered` a second, which was to be `times` the peak.

    Times are in milliseconds, from the intended start of a call; memory is in MB (PSS). `refused` were answered with an
    error, `late` after more than a second, `lost` not at all. `unwell` are the calls that failed 2 s after the load.
    """

    times: int
    peak: float
    offered: float
    seconds: float
    goodput: float
    good_p99: float
    refused: int
    refusal_p99: float
    late: int
    lost: int
    memory_before: float
    memory_after: float
    unwell: int
    after_p99: float
    generator_p99: float
    foreign: float

    @property
    def checks(self) -> list[Check]:
        """What is asked; four times the peak is for the best."""
        goal = f"overload, {self.times} times the peak{'' if self.times == LOADS[0] else ', to reach for'}"
        of = f"{self.offered:,.0f}/s"
        refusals = [Check(goal, of, "p99 of refusals {} ms", self.refusal_p99, REFUSAL_P99, at_most=True)]
        return [
            Check(goal, of, "goodput {} of the peak", self.goodput / self.peak, GOODPUT[self.times]),
            # Without refusals the figure says nothing.
            *(refusals if self.refused else ()),
            Check(goal, of, "{} lost", self.lost, 0, at_most=True),
            Check(goal, of, "{} times the memory", self.memory_after / self.memory_before, GROWTH, at_most=True),
            Check(goal, of, "{} failed 2 s after", self.unwell, 0, at_most=True),
            Check(goal, of, "p99 2 s after {} ms", self.after_p99, AFTER_P99, at_most=True),
        ]


def measure_overload(folder: Path, seconds: float) -> list[Overload]:
    """Measure the peak, then each load for so many seconds; nothing where there is one core only."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return []
    with ExitStack() as opened:
        with on_core(cores[0]):
            stack = opened.enter_context(servers.product(folder, SQLITE, workers=1))
            bare, _ = opened.enter_context(servers.bare(folder, workers=1))
        opened.enter_context(on_core(cores[1]))
        with stack.admin() as admin:
            scene = new_scene(admin, "the-launch")
        mixed = [*mixed_requests(scene).values()]
        measure(stack.address, mixed, WARM_UP_SECONDS)
        peak = measure(stack.address, mixed, PEAK_SECONDS).rate
        most = MOST_OF_BARE * measure(bare, [get("/")], WARM_UP_SECONDS).rate
        return [_measure(stack, scene, times, peak, min(times * peak, most), seconds) for times in LOADS]


def _measure(stack: Installation, scene: Scene, times: int, peak: float, offered: float, seconds: float) -> Overload:
    after = [
        replace(call, at=call.at + seconds + QUIET_SECONDS)
        for call in mixed_calls(scene, AFTER_LOAD * peak, AFTER_SECONDS)
    ]
    calls = [*mixed_calls(scene, offered, seconds), *after]
    # The load before may have left some work.
    until(lambda: is_ready(stack.address), "a stack that is ready")
    before = _memory(stack)
    with watching() as usage:
        finished = open_loop.run(stack.address, calls, sources=SOURCES)
    overload = sum_up(times, peak, offered, seconds, finished, (before, _memory(stack)), usage.foreign)
    print(line(overload), flush=True)
    return overload


def sum_up(
    times: int,
    peak: float,
    offered: float,
    seconds: float,
    finished: Finished,
    memories: tuple[float, float],
    foreign: float,
) -> Overload:
    """Count the outcomes: calls that start before `seconds` are of the load, the others of the time after it."""
    load = [each for each in finished.outcomes if each.call.at < seconds]
    after = [each for each in finished.outcomes if each.call.at >= seconds]
    good = [each for each in load if _is_good(each)]
    refused = [each for each in load if each.status >= HTTPStatus.BAD_REQUEST]
    lost = sum(each.status == NO_RESPONSE for each in load)
    return Overload(
        times=times,
        peak=peak,
        offered=offered,
        seconds=seconds,
        goodput=len(good) / seconds,
        good_p99=_p99(good),
        refused=len(refused),
        refusal_p99=_p99(refused),
        late=len(load) - len(good) - len(refused) - lost,
        lost=lost,
        memory_before=memories[0],
        memory_after=memories[1],
        unwell=sum(not _is_good(each) for each in after),
        after_p99=_p99(after),
        generator_p99=_percentile(finished.lags) * 1000,
        foreign=foreign,
    )


def line(overload: Overload) -> str:
    """Return an overload as one line for people."""
    return (
        f"{overload.times} times the peak of {overload.peak:,.0f}/s, {overload.offered:,.0f}/s: "
        f"{'; '.join(check.measured for check in overload.checks)}; {overload.late} late, "
        f"generator late by {overload.generator_p99:.1f} ms (p99), others {overload.foreign:.0%}"
    )


def _is_good(outcome: Outcome) -> bool:
    return 0 < outcome.status < HTTPStatus.BAD_REQUEST and outcome.seconds <= GOOD_SECONDS


def _p99(outcomes: Sequence[Outcome]) -> float:
    return _percentile([each.seconds for each in outcomes]) * 1000


def _percentile(values: Sequence[float]) -> float:
    """Return the value that 99% are not above, 0 when there are none."""
    return sorted(values)[math.ceil(len(values) * 0.99) - 1] if values else 0.0


def _memory(stack: Installation) -> float:
    return memory(process_ids(stack).values())
