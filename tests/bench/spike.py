"""`make bench-spike`: five mixed calls at a fixed rate while a lesson opens; see docs/benchmarks.md."""

import argparse
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from statistics import quantiles

import httpx
import orjson

from services.kit.core.instants import format_instant
from tests.bench import open_loop, servers
from tests.bench.folder import bench_folder
from tests.bench.machine import watching
from tests.bench.open_loop import Call, Finished
from tests.bench.requests import post
from tests.bench.scene import Scene, new_scene
from tests.bench.targets import Check
from tests.bench.workloads import SQLITE
from tests.contract.samples import lesson_address

OPENS_AT_SECONDS = 2
WARM_UP_SECONDS = 3
# Between the change of the lesson's window and the first call.
AHEAD_SECONDS = 1
SEED = 12
ASKED_RATE, P99, LATEST = 2_000, 50, 50


@dataclass(frozen=True)
class Spike:
    """What a rush measured; times are in milliseconds, from the intended start of a call.

    `early` counts lessons shown as open before their instant, `late` those shown as locked to a request that was sent
    after it; `latest` is how long after it the last of these was sent. `generator_p99` is how late the generator was.
    """

    rate: int
    seconds: int
    calls: int
    failed: int
    p50: float
    p99: float
    maximum: float
    early: int
    late: int
    latest: float
    generator_p99: float
    statuses: dict[int, int]
    foreign: float

    def checks(self, engine: str) -> list[Check]:
        """Return what is asked of a rush at this rate: each call answered soon, and no gate opened early or late."""
        of = f"{self.rate:,}/s on {engine}"
        # PostgreSQL is measured beside, and more than 2,000 calls a second are for the best.
        is_asked = engine == SQLITE and self.rate <= ASKED_RATE
        goal = f"the minute a lesson opens, {of}{'' if is_asked else ', to reach for'}"
        figures = [
            ("{} failed", self.failed, 0),
            ("p99 {} ms", self.p99, P99),
            ("{} gates early", self.early, 0),
            ("the last gate {} ms late", self.latest, LATEST),
        ]
        return [Check(goal, of, text, value, bound, at_most=True) for text, value, bound in figures]


def main() -> None:
    """Print what each rate measured."""
    parser = argparse.ArgumentParser(prog="make bench-spike")
    parser.add_argument("--rates", default="300,1000,2000", help="calls a second, separated by commas")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--engine", choices=servers.ENGINES, default="sqlite")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with bench_folder() as folder:
        rates = [int(rate) for rate in given.rates.split(",")]
        measure_spikes(folder, given.engine, given.workers, rates, given.seconds)


def line(spike: Spike) -> str:
    """Return a spike as one line for people."""
    return (
        f"{spike.rate}/s for {spike.seconds} s: {spike.failed} of {spike.calls} failed, p50 {spike.p50:.1f}, "
        f"p99 {spike.p99:.1f}, max {spike.maximum:.1f} ms; gates: {spike.early} early, {spike.late} late "
        f"(by {spike.latest:.1f} ms at most); generator late by {spike.generator_p99:.1f} ms (p99), "
        f"others {spike.foreign:.0%}; statuses {dict(sorted(spike.statuses.items()))}"
    )


def measure_spikes(folder: Path, engine: str, workers: int, rates: Sequence[int], seconds: int) -> list[Spike]:
    """Run a rush at each rate, on an event of its own in one stack that is new."""
    with servers.product(folder, engine, workers) as stack, stack.admin() as admin:
        other = new_scene(admin, "another-launch")
        spikes = []
        for rate in rates:
            scene = new_scene(admin, f"rush-{rate}")
            open_loop.run(stack.address, mixed_calls(other, rate, WARM_UP_SECONDS))
            spikes.append(_measure(stack.address, admin, scene, rate, seconds))
            print(line(spikes[-1]), flush=True)
        return spikes


def _measure(address: str, admin: httpx.Client, scene: Scene, rate: int, seconds: int) -> Spike:
    lesson, calls = scene.lessons[0], mixed_calls(scene, rate, seconds)
    opens_at = round(time.time() + AHEAD_SECONDS + OPENS_AT_SECONDS, 3)
    release_at = format_instant(datetime.fromtimestamp(opens_at, UTC))
    admin.put(lesson_address(lesson), json={"releaseAt": release_at}).raise_for_status()

    def shows_open(call: Call, status: int, body: bytes) -> bool | None:
        return _shows_open(lesson["id"], call.kind, status, body)

    with watching() as usage:
        finished = open_loop.run(address, calls, shows_open, opens_at - OPENS_AT_SECONDS)
    return _spike(finished, rate, seconds, usage.foreign)


def mixed_requests(scene: Scene) -> dict[str, bytes]:
    """Return the five requests of the rush by their kind."""
    return {
        "catalog": post(scene.catalog, {}),
        **{action: post(scene.lesson(action), {}) for action in ("access-check", "playback", "quiz")},
        "submit": post(scene.lesson("quiz/submit"), {"answers": scene.answers}),
    }


def mixed_calls(scene: Scene, rate: float, seconds: float) -> list[Call]:
    """Return calls in equal distances for so many seconds, each kind as often as the others."""
    requests = mixed_requests(scene)
    kinds = [*requests] * int(rate * seconds / len(requests))
    random.Random(SEED).shuffle(kinds)
    return [Call(place / rate, kind, requests[kind]) for place, kind in enumerate(kinds)]


def _shows_open(lesson_id: str, kind: str, status: int, body: bytes) -> bool | None:
    """Return whether the response shows the lesson as open, None when the call failed."""
    if status == HTTPStatus.OK and kind == "catalog":
        items = orjson.loads(body)["catalog"]["items"]
        return any(item["id"] == lesson_id and item["status"] == "released" for item in items)
    if status == HTTPStatus.OK and kind == "access-check":
        return bool(orjson.loads(body)["authorized"])
    if status == HTTPStatus.OK:
        return True
    if status == HTTPStatus.FORBIDDEN:
        return False
    return None


def _spike(finished: Finished, rate: int, seconds: int, foreign: float) -> Spike:
    outcomes = finished.outcomes
    failed = [each for each in outcomes if each.verdict is None or each.seconds > open_loop.PATIENCE_SECONDS]
    times = [each.seconds * 1000 for each in outcomes]
    cuts = quantiles(times, n=100)
    late = [
        each.sent_at - OPENS_AT_SECONDS
        for each in outcomes
        if each.verdict is False and each.sent_at > OPENS_AT_SECONDS
    ]
    return Spike(
        rate=rate,
        seconds=seconds,
        calls=len(outcomes),
        failed=len(failed),
        p50=cuts[49],
        p99=cuts[98],
        maximum=max(times),
        early=sum(each.verdict is True and each.ended_at < OPENS_AT_SECONDS for each in outcomes),
        late=len(late),
        latest=max(late, default=0.0) * 1000,
        generator_p99=quantiles(finished.lags, n=100)[98] * 1000,
        statuses=dict(Counter(each.status for each in outcomes)),
        foreign=foreign,
    )


if __name__ == "__main__":
    main()
