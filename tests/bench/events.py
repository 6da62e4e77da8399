"""Whether each answer left the log events that operators watch (docs/contract/BEHAVIOUR.md)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.figures import Measured
from tests.bench.generator import CONNECTIONS

# Each with the beginnings of the names of the workloads whose answers leave it.
EVENTS: Mapping[str, tuple[str, ...]] = {
    "lesson_access_evaluated": ("access-check", "playback", "materials", "quiz view", "submit"),
    "kpi_lesson_access_check": ("access-check",),
    "quiz_loaded": ("quiz view",),
    "kpi_quiz_started": ("quiz view",),
    "quiz_submitted": ("submit",),
    "kpi_quiz_completed": ("submit",),
}


def count_events(log: Path) -> Counter[str]:
    """Return how often each event is in the log of a gateway that has stopped."""
    names = {f'"event":"{name}"'.encode(): name for name in EVENTS}
    counts: Counter[str] = Counter()
    with log.open("rb") as lines:
        for line in lines:
            for text, name in names.items():
                if text in line:
                    counts[name] += 1
    return counts


def compare_events(
    counts: Mapping[str, int], engine: str, all_runs: Sequence[Measured]
) -> list[tuple[str, int, int, bool]]:
    """Return each event with the answers that should have left it, its lines, and whether they agree.

    At the end of a run wrk drops up to 32 responses that the gateway has logged already.
    """
    rows = []
    for event, beginnings in EVENTS.items():
        runs = [
            run
            for measured in all_runs
            for (name, subject), of_workload in measured.items()
            if subject == engine and name.startswith(beginnings)
            for run in of_workload
        ]
        answers = sum(run.answers for run in runs)
        rows.append((event, answers, counts[event], 0 <= counts[event] - answers <= CONNECTIONS * len(runs)))
    return rows
