"""`make bench`: measure the stack beside both yardsticks, and write docs/benchmarks.md."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench import report, servers
from tests.bench.events import compare_events, count_events
from tests.bench.folder import bench_folder
from tests.bench.footprint import measure_footprint
from tests.bench.generator import NoGenerator, require_generator
from tests.bench.large import measure_growth
from tests.bench.machine import words
from tests.bench.measuring import choose, first_verifications, measure_rounds, memory_by_process, running, warm_up
from tests.bench.spike import measure_spikes


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    rounds: int
    seconds: int
    engines: list[str]
    workers: int
    only: list[str]
    rates: list[int]
    spike_seconds: int
    large: bool


def main() -> int:
    """Return 0, or 1 when there is no generator."""
    options = _options()
    try:
        generator = require_generator()
    except NoGenerator as reason:
        print(reason, file=sys.stderr)
        return 1
    with bench_folder() as folder:
        if options.only:
            _look(folder, options)
        else:
            report.write(_measure_everything(folder, options, generator))
            print(f"\n{report.PAGE} is written")
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--engine", choices=[*servers.ENGINES, "both"], default="sqlite")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="words in names of workloads, separated by commas: writes no page")
    parser.add_argument("--rates", default="300,1000,2000,5000", help="of the rush, calls a second")
    parser.add_argument("--spike-seconds", type=int, default=15)
    parser.add_argument("--large", action="store_true", help="measure a large installation too")
    given = parser.parse_args()
    return Options(
        rounds=given.rounds,
        seconds=given.seconds,
        engines=list(servers.ENGINES) if given.engine == "both" else [given.engine],
        workers=given.workers,
        only=[word.strip() for word in given.only.split(",") if word.strip()],
        rates=[int(rate) for rate in given.rates.split(",")],
        spike_seconds=given.spike_seconds,
        large=given.large,
    )


def _look(folder: Path, options: Options) -> None:
    """Print what some workloads measure."""
    with running(folder, options.engines, options.workers) as subjects:
        workloads = choose(subjects, options.only)
        warm_up(subjects, workloads)
        measured = measure_rounds(subjects, workloads, options.rounds, options.seconds)
    print(f"\n{report.summary(workloads, measured)}")


def _measure_everything(folder: Path, options: Options, generator: str) -> report.Report:
    machine = words(folder)
    footprint = measure_footprint(servers.new_folder(folder, "footprint"))
    print(f"ready after {footprint.start:.1f} s, idle with {footprint.idle:.0f} MB")
    with running(folder, options.engines, options.workers) as subjects:
        verified = first_verifications(subjects)
        workloads = choose(subjects, [])
        warm = warm_up(subjects, workloads)
        measured = measure_rounds(subjects, workloads, options.rounds, options.seconds)
        memory = {engine: memory_by_process(stack) for engine, stack in subjects.stacks.items()}
    events = {
        engine: compare_events(count_events(folder / engine / "logs" / "gateway.log"), engine, [warm, measured])
        for engine in options.engines
    }
    spikes = {
        engine: measure_spikes(
            servers.new_folder(folder, f"rush-{engine}"), engine, options.workers, options.rates, options.spike_seconds
        )
        for engine in options.engines
    }
    growth = measure_growth(folder, options.workers, options.rounds, options.seconds) if options.large else []
    return report.Report(
        machine=machine,
        generator=generator,
        rounds=options.rounds,
        seconds=options.seconds,
        workers=options.workers,
        workloads=workloads,
        measured=measured,
        first_verifications=verified,
        events=events,
        memory=memory,
        footprint=footprint,
        spikes=spikes,
        growth=growth,
    )


if __name__ == "__main__":
    sys.exit(main())
