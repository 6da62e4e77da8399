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
from tests.bench.open_loop import Call, Finished
from tests.bench.requests import post
from tests.bench.scene import Scene, new_scene
from tests.contract.samples import lesson_address

OPENS_AT_SECONDS = 2
WARM_UP_SECONDS = 3
# Between the change of the lesson's window and the first call.
AHEAD_SECONDS = 1
SEED = 12


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


def main() -> None:
    """Print what each rate measured."""
    parser = argparse.ArgumentParser(prog="make bench-spike")
    parser.add_argument("--rates", default="300,1000,2000", help="calls a second, separated by commas")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--engine", choices=servers.ENGINES, default="sqlite")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with bench_folder() as folder:
        for spike in measure_spikes(
            folder, given.engine, given.workers, [int(rate) for rate in given.rates.split(",")], given.seconds
        ):
            print(line(spike))
            print("  statuses", dict(sorted(spike.statuses.items())))


def line(spike: Spike) -> str:
    """Return a spike as one line for people."""
    return (
        f"{spike.rate}/s for {spike.seconds} s: {spike.failed} of {spike.calls} failed, p50 {spike.p50:.1f}, "
        f"p99 {spike.p99:.1f}, max {spike.maximum:.1f} ms; gates: {spike.early} early, {spike.late} late "
        f"(by {spike.latest:.1f} ms at most); generator late by {spike.generator_p99:.1f} ms (p99)"
    )


def measure_spikes(folder: Path, engine: str, workers: int, rates: Sequence[int], seconds: int) -> list[Spike]:
    """Run a rush at each rate, on an event of its own in one stack that is new."""
    with servers.product(folder, engine, workers) as stack, stack.admin() as admin:
        other = new_scene(admin, "another-launch")
        spikes = []
        for rate in rates:
            scene = new_scene(admin, f"rush-{rate}")
            open_loop.run(stack.address, _calls(other, rate, WARM_UP_SECONDS))
            spikes.append(_measure(stack.address, admin, scene, rate, seconds))
        return spikes


def _measure(address: str, admin: httpx.Client, scene: Scene, rate: int, seconds: int) -> Spike:
    lesson = scene.lessons[0]
    opens_at = round(time.time() + AHEAD_SECONDS + OPENS_AT_SECONDS, 3)
    release_at = format_instant(datetime.fromtimestamp(opens_at, UTC))
    admin.put(lesson_address(lesson), json={"releaseAt": release_at}).raise_for_status()

    def shows_open(call: Call, status: int, body: bytes) -> bool | None:
        return _shows_open(lesson["id"], call.kind, status, body)

    finished = open_loop.run(address, _calls(scene, rate, seconds), shows_open, opens_at - OPENS_AT_SECONDS)
    return _spike(finished, rate, seconds)


def _calls(scene: Scene, rate: int, seconds: int) -> list[Call]:
    """Return the calls of a rush in equal distances, each kind as often as the others."""
    requests = {
        "catalog": post(scene.catalog, {}),
        **{action: post(scene.lesson(action), {}) for action in ("access-check", "playback", "quiz")},
        "submit": post(scene.lesson("quiz/submit"), {"answers": scene.answers}),
    }
    kinds = [*requests] * (rate * seconds // len(requests))
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


def _spike(finished: Finished, rate: int, seconds: int) -> Spike:
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
    )


if __name__ == "__main__":
    main()
