"""docs/benchmarks.md, written by a whole `make bench`."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from deploy.stack import ROOT
from tests.bench import sections
from tests.bench.beside import Growth
from tests.bench.figures import Measured, median_of, median_rate, peer_rate, shown, workload_checks
from tests.bench.footprint import Footprint
from tests.bench.overload import Overload
from tests.bench.sections import table, verdicts
from tests.bench.spike import Spike
from tests.bench.targets import Check, met, worst
from tests.bench.workloads import BARE, PEER, Workload

PAGE = ROOT / "docs" / "benchmarks.md"
# More than this share of all cores for others makes the figures doubtful.
BUSY = 0.05
# Whose processor time stands beside each row.
SHOWN = ("gateway", "content", "quiz", "auth", BARE, PEER)


@dataclass(frozen=True)
class Report:
    """Everything that one `make bench` has measured. `memory` is by engine, then by process, in MB."""

    machine: str
    generator: str
    rounds: int
    seconds: int
    workers: int
    minutes: float
    workloads: Sequence[Workload]
    measured: Measured
    first_verifications: Mapping[str, float]
    events: Mapping[str, Sequence[tuple[str, int, int, bool]]]
    memory: Mapping[str, Mapping[str, float]]
    footprint: Footprint
    spikes: Mapping[str, Sequence[Spike]]
    overloads: Sequence[Overload]
    growth: Sequence[Growth]


def summary(workloads: Sequence[Workload], measured: Measured) -> str:
    """Return the medians as a table: each row beside its targets."""
    bare = median_rate(BARE, BARE, measured)
    head = (
        *("workload", "on", "a second", "of bare", "of peer", "p50 ms", "p99 ms", "max ms", "refused", "broken"),
        *("processor time, microseconds", "others", "targets"),
    )
    return table(head, [_row(workload, measured, bare) for workload in _distinct(workloads)])


def _distinct(workloads: Sequence[Workload]) -> list[Workload]:
    return [*{(each.name, each.subject): each for each in workloads}.values()]


def _row(workload: Workload, measured: Measured, bare: float | None) -> list[str]:
    runs = measured[workload.name, workload.subject]
    rate, peer = median_of(runs, "rate"), peer_rate(workload, measured)
    spent = {name: median(run.spent.get(name, 0.0) for run in runs) for name in SHOWN}
    return [
        workload.name,
        workload.subject,
        f"{rate:,.0f}",
        f"{rate / bare:.3f}" if bare else "",
        f"{rate / peer:.1f}" if peer and workload.subject not in (BARE, PEER) else "",
        f"{median_of(runs, 'p50'):.1f}",
        f"{median_of(runs, 'p99'):.1f}",
        f"{max(run.maximum for run in runs):.0f}",
        str(sum(run.refused for run in runs)),
        str(sum(run.broken for run in runs)),
        shown(spent),
        f"{max(run.foreign for run in runs):.0%}",
        verdicts(workload_checks(workload, measured)),
    ]


def write(report: Report, page: Path) -> None:
    """Write the page."""
    page.write_text("\n\n".join(part for part in _parts(report) if part) + "\n")


def _parts(report: Report) -> list[str]:
    return [
        "# Benchmarks",
        _made(report),
        *_targets(report),
        _HOW,
        "## Requests",
        f"Medians of rounds ({report.rounds}, {report.seconds} s for each workload); the maximum, the refused and the "
        f"broken are of all rounds, and the share of others is the largest. The stack had {report.workers} workers for "
        "each server. Processor time is user and system time of all workers, for each response.",
        summary(report.workloads, report.measured),
        " ".join(
            f"On {engine}, {rate:,.0f} grants a second were admitted for the first time."
            for engine, rate in report.first_verifications.items()
        ),
        _foreign(report),
        *sections.log_events(report.events),
        *sections.rush(report.spikes),
        *sections.overload(report.overloads),
        *sections.beside(report.growth),
        *sections.memory_and_start(report.footprint, report.memory, report.workers),
    ]


def _made(report: Report) -> str:
    commit = _git("rev-parse", "--short=10", "HEAD")
    changed = (
        " with changes that are not committed"
        if _git("status", "--porcelain", "--", "services", "gateway", "deploy")
        else ""
    )
    return (
        f"`make bench` wrote this page on {datetime.now(UTC):%d %B %Y} at commit {commit}{changed}. "
        f"The machine: {report.machine}. The generator, {report.generator}, ran on the same cores as the servers. "
        f"The whole run took {report.minutes:.0f} minutes. "
        "Another machine has other figures: read the ratios."
    )


_HOW = """\
## How it is measured

`make bench` starts the stack on SQLite files, on a PostgreSQL of its own, with fsync, and on SQLite files with its
limits counted in a Valkey, and two yardsticks with two workers each. **Bare** is a Falcon endpoint without middleware
that answers a GET with 15 bytes, under the settings of our servers. **Peer** is an ordinary FastAPI with SQLAlchemy 2
async (tests/bench/peer): it answers the same catalog of 12 lessons, and grades and stores the same submit with
synchronous=FULL. A round measures every workload in turn, with bare Falcon between them. wrk sends over 32 connections;
a rate counts answers below 400.

LOG_LEVEL has its default, and the limits of requests and of wrong keys are on, at large numbers, counted in memory, or
in Valkey where that is named. Private rows use one access key, or 1,000 grants in turn, which are verified before each
round: the events that are created at the end of a round void what the gateway's memory knows of grants.

`make bench ROUNDS=1 SECONDS=3 ONLY=catalog,bare` is a short look that writes no page; `make bench WITHOUT=large,rush`
leaves parts out (valkey, rush, overload, large); `make bench-spike RATES=300,2000` is the rush alone. Nothing here is a
test, and no test asserts a time."""


def all_checks(report: Report) -> list[Check]:
    """Return every figure of the report that has a target."""
    lines = [(engine, event, agree) for engine, listed in report.events.items() for event, _, _, agree in listed]
    return [
        *(each for workload in _distinct(report.workloads) for each in workload_checks(workload, report.measured)),
        *(check for engine, spikes in report.spikes.items() for spike in spikes for check in spike.checks(engine)),
        *(check for overload in report.overloads for check in overload.checks),
        *(each.check for each in report.growth),
        *report.footprint.checks,
        *(
            Check(
                "log events",
                f"{event} on {engine}",
                "{} events that are missing or too many",
                not agree,
                0,
                at_most=True,
            )
            for engine, event, agree in lines
        ),
    ]


def _targets(report: Report) -> list[str]:
    rows = [
        [
            check.goal,
            check.asked,
            check.measured,
            check.of,
            met(check.is_met),
            "" if check.reach is None else f"{check.reach:g}{' reached' if check.is_reached else ''}",
        ]
        for check in worst(all_checks(report))
    ]
    head = ("target", "asked", "measured, the worst", "by", "", "to reach for")
    return ["## Targets", table(head, rows)]


def _foreign(report: Report) -> str:
    shares = [
        *(run.foreign for runs in report.measured.values() for run in runs),
        *(spike.foreign for spikes in report.spikes.values() for spike in spikes),
        *(overload.foreign for overload in report.overloads),
        *(share for each in report.growth for share in each.foreign),
    ]
    text = (
        f"Other processes used {median(shares):.0%} of the cores (median of everything measured; at most "
        f"{max(shares):.0%})."
    )
    if median(shares) > BUSY:
        text += " **The machine was shared: these figures are no measure of what it can do.**"
    return text


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
