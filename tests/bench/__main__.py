"""`make bench`: measure the stack beside both yardsticks; see docs/benchmarks.md."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.stack import ROOT
from tests.bench import servers
from tests.bench.generator import NoGenerator, Run, measure, require_generator
from tests.bench.machine import Processor
from tests.bench.scene import ACCESS_KEY, new_grants, new_scene, peer_rows
from tests.bench.workloads import Subject, Workload, workloads
from tests.installation import PROCESSES, Installation

WARM_UP_SECONDS = 2


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    rounds: int
    seconds: int
    engine: str
    workers: int
    only: list[str]


@dataclass(frozen=True)
class Subjects:
    """The running servers: their addresses by name, their workloads, and the processor that they share."""

    stack: Installation
    addresses: Mapping[Subject, str]
    workloads: list[Workload]
    processor: Processor


def main() -> int:
    """Return 0, or 1 when there is no generator."""
    options = _options()
    try:
        print(f"{require_generator()}; {options.rounds} rounds of {options.seconds} s for each workload")
    except NoGenerator as reason:
        print(reason, file=sys.stderr)
        return 1
    with bench_folder() as folder, running(folder, options) as subjects:
        chosen = [
            each for each in subjects.workloads if not options.only or any(word in each.name for word in options.only)
        ]
        warm_up(subjects, chosen)
        measured = measure_all(subjects, chosen, options)
    _print_summary(measured)
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="words in the names of workloads, separated by commas")
    given = parser.parse_args()
    only = [word.strip() for word in given.only.split(",") if word.strip()]
    return Options(given.rounds, given.seconds, given.engine, given.workers, only)


@contextmanager
def bench_folder() -> Iterator[Path]:
    """A folder on the disk of the repository, where an installation has its databases too."""
    (ROOT / "data").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "data"))
    # PostgreSQL's own user must reach its folder.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(folder: Path, options: Options) -> Iterator[Subjects]:
    """All servers, with the same rows."""
    with ExitStack() as opened:
        stack = opened.enter_context(servers.product(folder, options.engine, options.workers))
        with stack.admin() as admin, stack.client() as client:
            public = new_scene(admin, "the-launch")
            private = new_scene(admin, "the-class", visibility="private", accessKey=ACCESS_KEY)
            grants = new_grants(client, private)
            authorization = admin.headers["Authorization"]
        bare, bare_pid = opened.enter_context(servers.bare(folder))
        peer, peer_pid = opened.enter_context(servers.peer(folder, peer_rows(public), public.catalog))

        def roots() -> list[int]:
            return [bare_pid, peer_pid, *(stack.pid(name) for name in PROCESSES)]

        yield Subjects(
            stack,
            {"product": stack.address, "bare": bare, "peer": peer},
            workloads(public, private, grants, authorization),
            Processor(roots),
        )


def warm_up(subjects: Subjects, chosen: list[Workload]) -> None:
    """Run each workload for a moment without counting it."""
    for workload in {each.name: each for each in chosen}.values():
        measure(subjects.addresses[workload.subject], workload.requests, WARM_UP_SECONDS, subjects.processor)


def measure_all(subjects: Subjects, chosen: list[Workload], options: Options) -> dict[str, list[Run]]:
    """Return the runs of each workload by its name, round after round."""
    measured: dict[str, list[Run]] = {}
    for number in range(1, options.rounds + 1):
        for workload in chosen:
            address = subjects.addresses[workload.subject]
            run = measure(address, workload.requests, options.seconds, subjects.processor)
            measured.setdefault(workload.name, []).append(run)
            print(f"round {number}: {workload.name:<30} {_line(run)}", flush=True)
    return measured


def _line(run: Run) -> str:
    return (
        f"{run.rate:8.0f}/s  p50 {run.p50:7.1f}  p99 {run.p99:7.1f}  max {run.maximum:7.1f} ms  "
        f"refused {run.refused}  broken {run.broken}  foreign {run.foreign:.0%}"
    )


def _print_summary(measured: Mapping[str, list[Run]]) -> None:
    from statistics import median

    print("\nmedians")
    bare = median(run.rate for run in measured["bare Falcon"]) if "bare Falcon" in measured else None
    for name, runs in measured.items():
        rate = median(run.rate for run in runs)
        ratio = f"{rate / bare:6.3f} of bare" if bare else ""
        p50, p99 = median(run.p50 for run in runs), median(run.p99 for run in runs)
        print(f"{name:<30} {rate:8.0f}/s {ratio}  p50 {p50:6.1f}  p99 {p99:6.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
