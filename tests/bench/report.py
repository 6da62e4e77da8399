"""docs/benchmarks.md, written by a whole `make bench`."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from deploy.stack import ROOT
from tests.bench.footprint import Footprint
from tests.bench.generator import Run
from tests.bench.large import Growth
from tests.bench.measuring import Measured
from tests.bench.spike import Spike
from tests.bench.workloads import BARE, PEER, SQLITE, Workload

PAGE = ROOT / "docs" / "benchmarks.md"
# More than this share of all cores for others makes the figures doubtful.
BUSY = 0.05
MEGABYTES, SECONDS = 450, 4
SPIKE_P99, SPIKE_LATEST = 50, 50

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Report:
    """Everything that one `make bench` has measured. `memory` is by engine, then by process, in MB."""

    machine: str
    generator: str
    rounds: int
    seconds: int
    workers: int
    workloads: Sequence[Workload]
    measured: Measured
    first_verifications: Mapping[str, float]
    events: Mapping[str, Sequence[tuple[str, int, int, bool]]]
    memory: Mapping[str, Mapping[str, float]]
    footprint: Footprint
    spikes: Mapping[str, Sequence[Spike]]
    growth: Sequence[Growth]


def median_of(runs: Sequence[Run], name: str) -> float:
    """Return the median of that field over the runs."""
    return float(median(getattr(run, name) for run in runs))


def summary(workloads: Sequence[Workload], measured: Measured) -> str:
    """Return the medians as a table: each row beside its targets."""
    bare = median_of(measured[BARE, BARE], "rate") if (BARE, BARE) in measured else None
    distinct = {(each.name, each.subject): each for each in workloads}
    rows = [_row(workload, measured, bare) for workload in distinct.values()]
    head = (
        "workload",
        "on",
        "a second",
        "of bare",
        "of peer",
        "p50 ms",
        "p99 ms",
        "max ms",
        "refused",
        "broken",
        "targets",
    )
    return _table(head, rows)


def _row(workload: Workload, measured: Measured, bare: float | None) -> list[str]:
    runs = measured[workload.name, workload.subject]
    rate, p99 = median_of(runs, "rate"), median_of(runs, "p99")
    peer = _peer_rate(workload, measured)
    of_bare = rate / bare if bare else None
    of_peer = rate / peer if peer and workload.subject not in (BARE, PEER) else None
    return [
        workload.name,
        workload.subject,
        f"{rate:,.0f}",
        "" if of_bare is None else f"{of_bare:.3f}",
        "" if of_peer is None else f"{of_peer:.1f}",
        f"{median_of(runs, 'p50'):.1f}",
        f"{p99:.1f}",
        f"{max(run.maximum for run in runs):.0f}",
        str(sum(run.refused for run in runs)),
        str(sum(run.broken for run in runs)),
        _targets(workload, of_bare, of_peer, p99),
    ]


def _peer_rate(workload: Workload, measured: Measured) -> float | None:
    """Return the peer's rate in the workload of the same name; submits with keys compare with those without."""
    runs = measured.get((workload.name.partition(", unique")[0], PEER))
    return median_of(runs, "rate") if runs else None


def _targets(workload: Workload, of_bare: float | None, of_peer: float | None, p99: float) -> str:
    target = workload.target
    if target is None:
        return ""
    is_sqlite = workload.subject == SQLITE
    least = target.of_bare if is_sqlite else target.of_bare_on_postgresql
    judged = [
        _judged(f"{least:g} of bare", of_bare >= least) if least is not None and of_bare is not None else "",
        _judged(f"{target.of_peer:g} of peer", of_peer >= target.of_peer)
        if target.of_peer is not None and of_peer is not None and is_sqlite
        else "",
        _judged(f"p99 < {target.p99:g} ms", p99 < target.p99) if target.p99 is not None and is_sqlite else "",
    ]
    return "; ".join(filter(None, judged))


def _judged(target: str, is_met: bool) -> str:
    return f"{target} {'met' if is_met else '**not met**'}"


def write(report: Report) -> None:
    """Write docs/benchmarks.md."""
    PAGE.write_text("\n\n".join(part for part in _parts(report) if part) + "\n")


def _parts(report: Report) -> list[str]:
    return [
        "# Benchmarks",
        _made(report),
        _HOW,
        "## Requests",
        f"Medians of rounds ({report.rounds}, {report.seconds} s for each workload); the maximum, the refused and the "
        f"broken are of all rounds. The stack had {report.workers} workers for each server.",
        summary(report.workloads, report.measured),
        " ".join(
            f"On {engine}, {rate:,.0f} grants a second were admitted for the first time."
            for engine, rate in report.first_verifications.items()
        ),
        _foreign(report.measured),
        *_events(report),
        *_spikes(report),
        *_growth(report),
        *_memory(report),
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
        "Another machine has other figures: read the ratios."
    )


_HOW = """\
## How it is measured

`make bench` starts the stack on SQLite files (`ENGINE=postgresql` or `both`: on a PostgreSQL of its own, with fsync),
and two yardsticks with two workers each. **Bare** is a Falcon endpoint without middleware that answers a GET with 15
bytes, under the settings of our servers. **Peer** is an ordinary FastAPI with SQLAlchemy 2 async (tests/bench/peer):
it answers the same catalog of 12 lessons, and grades and stores the same submit with synchronous=FULL. A round measures
every workload in turn, with bare Falcon between them. wrk sends over 32 connections; a rate counts answers below 400.

LOG_LEVEL has its default, and the limits of requests and of wrong keys are on, at large numbers, counted in memory.
Private rows use one access key, or 1,000 grants in turn, each verified in the warm-up.

`make bench ROUNDS=1 SECONDS=3 ONLY=catalog,bare` is a short look that writes no page; `make bench LARGE=1` adds the
large installation; `make bench-spike RATES=300,2000` is the rush alone. Nothing here is a test, and no test asserts a
time."""


def _foreign(measured: Measured) -> str:
    shares = [run.foreign for runs in measured.values() for run in runs]
    text = f"Other processes used {median(shares):.0%} of the cores (median of all runs; at most {max(shares):.0%})."
    if median(shares) > BUSY:
        text += " **The machine was shared: these figures are no measure of what it can do.**"
    return text


def _events(report: Report) -> list[str]:
    rows = [
        [event, engine, f"{answers:,}", f"{lines:,}", "yes" if agree else "**no**"]
        for engine, listed in report.events.items()
        for event, answers, lines, agree in listed
    ]
    if not rows:
        return []
    explained = (
        "Each answer leaves its log events. wrk drops what is in flight when a run ends, up to 32 answers that were "
        "logged: so many more lines than answers agree."
    )
    return ["## Log events", explained, _table(("event", "on", "answers", "lines", "agree"), rows)]


def _spikes(report: Report) -> list[str]:
    rows = [
        [
            f"{spike.rate:,}/s",
            engine,
            f"{spike.failed:,} of {spike.calls:,}",
            f"{spike.p50:.1f}",
            f"{spike.p99:.1f}",
            f"{spike.maximum:.0f}",
            str(spike.early),
            f"{spike.late} ({spike.latest:.0f} ms)",
            f"{spike.generator_p99:.1f}",
            _judged(
                f"0 failed, p99 < {SPIKE_P99} ms, none early, none later than {SPIKE_LATEST} ms",
                not spike.failed and spike.p99 < SPIKE_P99 and not spike.early and spike.latest <= SPIKE_LATEST,
            ),
        ]
        for engine, spikes in report.spikes.items()
        for spike in spikes
    ]
    if not rows:
        return []
    explained = (
        "An open loop: catalog, access check, playback, quiz and submit in equal shares, at fixed intended starts, and "
        "every time counts from there. The lesson opens 2 s after the start. Early is an answer before that instant "
        "that shows it open; late is a request after it that is told it is locked (in brackets, how long after). The "
        "last figure is how late the generator itself was (p99)."
    )
    head = ("rate", "on", "failed", "p50 ms", "p99 ms", "max ms", "early", "late", "generator ms", "target")
    return ["## The minute a lesson opens", explained, _table(head, rows)]


def _growth(report: Report) -> list[str]:
    if not report.growth:
        return []
    rows = [
        [
            each.name,
            each.before,
            each.after,
            f"{each.times:.2f}",
            _judged(f"within {each.target:g}", each.times <= each.target),
        ]
        for each in report.growth
    ]
    return [
        "## A large installation",
        "1,000 events, 30,000 lessons, 10,000 quizzes and 100,000 attempts beside a hundredth of that, in turn, on "
        "SQLite. Last rows: the large one alone, learners before and while a client reads whole lists.",
        _table(("what", "before", "after", "times worse", "target"), rows),
    ]


def _memory(report: Report) -> list[str]:
    found = report.footprint
    rows = [
        [
            "`make run`, one worker each, idle",
            f"{found.idle:,.0f}",
            _judged(f"< {MEGABYTES} MB", found.idle < MEGABYTES),
        ],
        *(
            [f"{process} on {engine}, {report.workers} workers, after the load", f"{megabytes:,.0f}", ""]
            for engine, processes in report.memory.items()
            for process, megabytes in [*processes.items(), ("all together", sum(processes.values()))]
        ),
    ]
    in_time = _judged(f"< {SECONDS} s", found.start < SECONDS)
    started = (
        f"`make run` is ready {found.start:.1f} s after its start ({in_time}), and {found.first_start:.1f} s with "
        "migrations and samples in a new installation."
    )
    return ["## Memory and start", started, _table(("memory (PSS)", "MB", "target"), rows)]


def _table(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
