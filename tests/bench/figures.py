"""What the runs of a workload say together: medians, their ratios to yardsticks, and what is asked of them."""

from collections.abc import Mapping, Sequence
from statistics import median

from tests.bench.generator import Run
from tests.bench.targets import Check
from tests.bench.workloads import BARE, PEER, SQLITE, Workload

# Name and subject of a workload, and its runs in the order of the rounds.
Measured = dict[tuple[str, str], list[Run]]


def median_of(runs: Sequence[Run], name: str) -> float:
    """Return the median of that field over the runs."""
    return float(median(getattr(run, name) for run in runs))


def median_rate(name: str, subject: str, measured: Mapping[tuple[str, str], Sequence[Run]]) -> float | None:
    """Return the median rate of a workload, None when it was not measured."""
    runs = measured.get((name, subject))
    return median_of(runs, "rate") if runs else None


def peer_rate(workload: Workload, measured: Measured) -> float | None:
    """Return the peer's rate in the workload of the same name; submits with keys compare with those without."""
    return median_rate(workload.name.partition(", unique")[0], PEER, measured)


def workload_checks(workload: Workload, measured: Measured) -> list[Check]:
    """Return each figure of the workload that has a target and a yardstick that was measured."""
    target = workload.target
    if target is None:
        return []
    runs = measured[workload.name, workload.subject]
    rate, of = median_of(runs, "rate"), f"{workload.name} on {workload.subject}"
    ratios = [
        ("{} of bare", target.of_bare, median_rate(BARE, BARE, measured)),
        ("{} of its rate on SQLite", target.of_sqlite, median_rate(workload.name, SQLITE, measured)),
        ("{} of peer", target.of_peer, peer_rate(workload, measured)),
    ]
    most = [
        ("p99 {} ms", target.p99, median_of(runs, "p99")),
        ("{} refused or broken", target.failures, sum(run.refused + run.broken for run in runs)),
    ]
    asked = [(text, bound, yardstick) for text, bound, yardstick in ratios if bound is not None]
    return [
        *(
            Check(target.goal, of, text, rate / yardstick, bound, None if place else target.reach)
            for place, (text, bound, yardstick) in enumerate(asked)
            if yardstick
        ),
        *(Check(target.goal, of, text, value, bound, at_most=True) for text, bound, value in most if bound is not None),
    ]


def shown(spent: Mapping[str, float]) -> str:
    """Return the microseconds of those processes that spent any, as text."""
    return ", ".join(f"{name} {microseconds:.0f}" for name, microseconds in spent.items() if microseconds >= 0.5)
