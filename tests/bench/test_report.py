"""The page of the bench: medians beside their targets, and log events beside answers."""

from collections import Counter
from pathlib import Path

from tests.bench.events import compare_events, count_events
from tests.bench.figures import workload_checks
from tests.bench.generator import Run
from tests.bench.open_loop import NO_RESPONSE, Call, Finished, Outcome
from tests.bench.overload import sum_up
from tests.bench.report import summary
from tests.bench.targets import worst
from tests.bench.workloads import BARE, PEER, POSTGRESQL, SQLITE, SUBMIT, Target, Workload

ON_SQLITE = Target("reads", 0.5, of_peer=20, p99=10, reach=0.9)
ON_POSTGRESQL = Target("reads on PostgreSQL", of_sqlite=0.6, failures=0, reach=1)


def runs(*rates: float, p99: float = 5.0, refused: int = 0) -> list[Run]:
    """Return runs of these rates, of a second each."""
    spent = {"gateway": 100.4, "content": 20.0, "quiz": 0.0, "follow-quiz": 3.0}
    return [Run(int(rate), rate, 1.5, p99, 20.0, refused, 0, 0.02, spent) for rate in rates]


WORKLOADS = [
    Workload("bare", BARE, []),
    Workload("catalog", SQLITE, [], ON_SQLITE),
    Workload("catalog", POSTGRESQL, [], ON_POSTGRESQL),
    Workload("catalog", PEER, []),
]
MEASURED = {
    ("bare", BARE): runs(1000, 2000, 3000),
    ("catalog", SQLITE): runs(1000, p99=12),
    ("catalog", POSTGRESQL): runs(499, refused=3),
    ("catalog", PEER): runs(100),
}


def test_a_row_is_the_median_beside_its_targets() -> None:
    end = "gateway 100, content 20 | 2% |"

    assert summary(WORKLOADS, MEASURED).splitlines()[2:] == [
        f"| bare | bare | 2,000 | 1.000 |  | 1.5 | 5.0 | 20 | 0 | 0 | {end}  |",
        f"| catalog | sqlite | 1,000 | 0.500 | 10.0 | 1.5 | 12.0 | 20 | 0 | 0 | {end} "
        "at least 0.5 of bare met; at least 20 of peer **not met**; p99 at most 10 ms **not met** |",
        f"| catalog | postgresql | 499 | 0.249 | 5.0 | 1.5 | 5.0 | 20 | 3 | 0 | {end} "
        "at least 0.6 of its rate on SQLite **not met**; at most 0 refused or broken **not met** |",
        f"| catalog | peer | 100 | 0.050 |  | 1.5 | 5.0 | 20 | 0 | 0 | {end}  |",
    ]


def test_a_goal_shows_the_worst_figure_of_each_kind() -> None:
    faster = Workload("playback", SQLITE, [], ON_SQLITE)
    measured = {**MEASURED, ("playback", SQLITE): runs(1900, p99=14)}

    found = worst(check for each in (*WORKLOADS[:3], faster) for check in workload_checks(each, measured))

    assert [each.reach for each in found] == [0.9, None, None, 1, None]
    assert [(each.of, each.measured, each.is_met, each.is_reached) for each in found] == [
        ("catalog on sqlite", "0.5 of bare", True, False),
        ("catalog on sqlite", "10 of peer", False, False),
        ("playback on sqlite", "p99 14 ms", False, False),
        ("catalog on postgresql", "0.499 of its rate on SQLite", False, False),
        ("catalog on postgresql", "3 refused or broken", False, False),
    ]


def test_goodput_counts_answers_in_time_and_the_time_after_stands_alone() -> None:
    outcomes = [
        *(Outcome(Call(at, "catalog", b""), 200, at, at + 0.004) for at in (0, 0.5, 1.0)),
        Outcome(Call(1.5, "late", b""), 200, 1.5, 2.6),
        Outcome(Call(1.6, "refused", b""), 503, 1.6, 1.62),
        Outcome(Call(1.7, "lost", b""), NO_RESPONSE, 1.7, 9.0),
        Outcome(Call(4.1, "after", b""), 200, 4.1, 4.105),
        Outcome(Call(4.2, "after", b""), 503, 4.2, 4.201),
    ]

    found = sum_up(2, 2.0, 4.0, 2, Finished(outcomes, [0.001] * 8), (100, 120), 0.0)

    assert [check.measured for check in found.checks] == [
        "goodput 0.75 of the peak",
        "p99 of refusals 20 ms",
        "1 lost",
        "1.2 times the memory",
        "1 failed 2 s after",
        "p99 2 s after 5 ms",
    ]
    assert [check.is_met for check in found.checks] == [False, True, False, False, False, True]
    assert (found.refused, found.late, found.lost) == (1, 1, 1)


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
