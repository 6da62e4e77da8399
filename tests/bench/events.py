"""Whether each answer left the log events that operators watch (docs/contract/BEHAVIOUR.md)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.generator import CONNECTIONS
from tests.bench.measuring import Measured

# Each by the beginning of the names of the workloads whose answers leave it.
EVENTS: Mapping[str, tuple[str, str]] = {
    "access-check": ("lesson_access_evaluated", "kpi_lesson_access_check"),
    "quiz view": ("quiz_loaded", "kpi_quiz_started"),
    "submit": ("quiz_submitted", "kpi_quiz_completed"),
}


def count_events(log: Path) -> Counter[str]:
    """Return how often each event is in the log of a gateway that has stopped."""
    names = {f'"event":"{name}"'.encode(): name for names in EVENTS.values() for name in names}
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
    for beginning, names in EVENTS.items():
        runs = [
            run
            for measured in all_runs
            for (name, subject), of_workload in measured.items()
            if subject == engine and name.startswith(beginning)
            for run in of_workload
        ]
        answers = sum(run.answers for run in runs)
        for name in names:
            extra = counts[name] - answers
            rows.append((name, answers, counts[name], 0 <= extra <= CONNECTIONS * len(runs)))
    return rows
