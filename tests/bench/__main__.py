"""`make bench`: measure the stack beside both yardsticks, and write docs/benchmarks.md."""

import argparse
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench import report, servers
from tests.bench.beside import Growth, catalog_beside
from tests.bench.events import compare_events, count_events
from tests.bench.folder import bench_folder
from tests.bench.footprint import measure_footprint
from tests.bench.generator import NoGenerator, require_generator
from tests.bench.large import measure_growth
from tests.bench.machine import words
from tests.bench.measuring import (
    Subjects,
    choose,
    first_verifications,
    measure_rounds,
    memory_by_process,
    running,
    warm_up,
)
from tests.bench.overload import measure_overload
from tests.bench.requests import post
from tests.bench.spike import measure_spikes
from tests.installation import ADMIN
from tests.postgresql import NoPostgresql
from tests.valkey import PROGRAMS

# Parts of a whole run that may be left out.
PARTS = ("valkey", "rush", "overload", "large")


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    rounds: int
    seconds: int
    engines: list[str]
    workers: int
    only: list[str]
    rates: list[int]
    rush_seconds: int
    overload_seconds: int
    parts: list[str]
    page: Path


def main() -> int:
    """Return 0, or 1 when there is no generator or no PostgreSQL."""
    options = _options()
    try:
        generator = require_generator()
        with bench_folder() as folder:
            if options.only:
                _look(folder, options)
            else:
                report.write(_measure_everything(folder, options, generator), options.page)
                print(f"\n{options.page} is written")
    except NoGenerator as reason:
        print(reason, file=sys.stderr)
        return 1
    except NoPostgresql as reason:
        print(f"{reason}; ENGINE=sqlite measures without it", file=sys.stderr)
        return 1
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--engine", choices=[*servers.ENGINES, "both"], help="both by default, sqlite with --only")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="words in names of workloads, separated by commas: writes no page")
    parser.add_argument("--rates", default="2000,5000", help="of the rush, calls a second")
    parser.add_argument("--rush-seconds", type=int, default=15)
    parser.add_argument("--overload-seconds", type=int, default=30)
    parser.add_argument("--without", default="", help=f"of {', '.join(PARTS)}, separated by commas")
    parser.add_argument("--page", type=Path, default=report.PAGE, help="where to write the page")
    given = parser.parse_args()
    only, without = _words(given.only), _words(given.without)
    engine = given.engine or ("sqlite" if only else "both")
    if only and "valkey" not in only:
        without.append("valkey")
    if "valkey" not in without and not any(map(shutil.which, PROGRAMS)):
        print(f"neither {' nor '.join(PROGRAMS)} is installed: nothing is measured with Valkey", file=sys.stderr)
        without.append("valkey")
    return Options(
        rounds=given.rounds,
        seconds=given.seconds,
        engines=list(servers.ENGINES) if engine == "both" else [engine],
        workers=given.workers,
        only=only,
        rates=[int(rate) for rate in _words(given.rates)],
        rush_seconds=given.rush_seconds,
        overload_seconds=given.overload_seconds,
        parts=[part for part in PARTS if part not in without],
        page=given.page,
    )


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _look(folder: Path, options: Options) -> None:
    """Print what some workloads measure."""
    with running(folder, options.engines, options.workers, "valkey" in options.parts) as subjects:
        workloads = choose(subjects, options.only)
        warm_up(subjects, workloads)
        measured = measure_rounds(subjects, workloads, options.rounds, options.seconds)
    print(f"\n{report.summary(workloads, measured)}")


def _measure_everything(folder: Path, options: Options, generator: str) -> report.Report:
    started_at = time.monotonic()
    machine = words(folder)
    footprint = measure_footprint(servers.new_folder(folder, "footprint"))
    print(f"ready after {footprint.start:.1f} s, idle with {footprint.idle:.0f} MB")
    with running(folder, options.engines, options.workers, "valkey" in options.parts) as subjects:
        verified = first_verifications(subjects)
        workloads = choose(subjects, [])
        warm = warm_up(subjects, workloads)
        measured = measure_rounds(subjects, workloads, options.rounds, options.seconds)
        growth = [_beside_sign_in(subjects, options)]
        memory = {subject: memory_by_process(stack) for subject, stack in subjects.stacks.items()}
    events = {
        subject: compare_events(count_events(folder / subject / "logs" / "gateway.log"), subject, [warm, measured])
        for subject in subjects.stacks
    }
    spikes = {
        engine: measure_spikes(
            servers.new_folder(folder, f"rush-{engine}"), engine, options.workers, options.rates, options.rush_seconds
        )
        for engine in options.engines
        if "rush" in options.parts
    }
    overloads = (
        measure_overload(servers.new_folder(folder, "overload"), options.overload_seconds)
        if "overload" in options.parts
        else []
    )
    if "large" in options.parts:
        growth += measure_growth(folder, options.workers, options.rounds, options.seconds)
    return report.Report(
        machine=machine,
        generator=generator,
        rounds=options.rounds,
        seconds=options.seconds,
        workers=options.workers,
        minutes=(time.monotonic() - started_at) / 60,
        workloads=workloads,
        measured=measured,
        first_verifications=verified,
        events=events,
        memory=memory,
        footprint=footprint,
        spikes=spikes,
        overloads=overloads,
        growth=growth,
    )


def _beside_sign_in(subjects: Subjects, options: Options) -> Growth:
    actors = subjects.actors[0]
    return catalog_beside(
        subjects.stacks[actors.engine],
        post(actors.public.catalog, {}),
        "admins sign in",
        lambda client: client.post("/api/admin/login", json=ADMIN),
        options.rounds,
        options.seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
