"""The page of the bench: medians beside their targets, and log events beside answers."""

from collections import Counter
from pathlib import Path

from tests.bench.events import compare_events, count_events
from tests.bench.generator import Run
from tests.bench.report import summary
from tests.bench.workloads import BARE, PEER, POSTGRESQL, SQLITE, SUBMIT, Target, Workload

TARGET = Target(0.5, 0.25, of_peer=20, p99=10)


def runs(*rates: float, p99: float = 5.0, refused: int = 0) -> list[Run]:
    """Return runs of these rates, of a second each."""
    return [Run(int(rate), rate, 1.5, p99, 20.0, refused, 0, 0.0) for rate in rates]


def test_a_row_is_the_median_beside_its_targets() -> None:
    workloads = [
        Workload("bare", BARE, []),
        Workload("catalog", SQLITE, [], TARGET),
        Workload("catalog", POSTGRESQL, [], TARGET),
        Workload("catalog", PEER, []),
    ]
    measured = {
        ("bare", BARE): runs(1000, 2000, 3000),
        ("catalog", SQLITE): runs(1000, p99=12, refused=3),
        ("catalog", POSTGRESQL): runs(499),
        ("catalog", PEER): runs(100),
    }

    assert summary(workloads, measured).splitlines()[2:] == [
        "| bare | bare | 2,000 | 1.000 |  | 1.5 | 5.0 | 20 | 0 | 0 |  |",
        "| catalog | sqlite | 1,000 | 0.500 | 10.0 | 1.5 | 12.0 | 20 | 3 | 0 "
        "| 0.5 of bare met; 20 of peer **not met**; p99 < 10 ms **not met** |",
        "| catalog | postgresql | 499 | 0.249 | 5.0 | 1.5 | 5.0 | 20 | 0 | 0 | 0.25 of bare **not met** |",
        "| catalog | peer | 100 | 0.050 |  | 1.5 | 5.0 | 20 | 0 | 0 |  |",
    ]


def test_an_answer_without_its_log_event_is_noticed(tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    lines = {"lesson_access_evaluated": 164, "quiz_submitted": 165, "kpi_quiz_completed": 99, "anything_else": 1}
    log.write_text("".join(f'{{"event":"{name}"}}\n' * count for name, count in lines.items()))
    counts = count_events(log)
    del lines["anything_else"]
    assert counts == Counter(lines)

    rows = compare_events(counts, SQLITE, [{(SUBMIT, SQLITE): runs(60, 40), (SUBMIT, PEER): runs(500)}])

    assert [row for row in rows if row[1]] == [
        ("lesson_access_evaluated", 100, 164, True),
        ("quiz_submitted", 100, 165, False),
        ("kpi_quiz_completed", 100, 99, False),
    ]
