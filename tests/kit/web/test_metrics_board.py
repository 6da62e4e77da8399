"""services.kit.web.metrics_board: sums over workers that come and go."""

from collections.abc import Iterator, Mapping

import pytest

from services.kit.core import metrics
from services.kit.core.metrics import Counter, Gauge, Histogram, Metric
from services.kit.web.metrics_board import COPY_BYTES, Board, MasterBoard, WorkerPlace, sums


class Numbers:
    """The metrics of one process, as if it were alone."""

    def __init__(self) -> None:
        self.answers = Counter("answers", "", ("status",))
        self.seconds = Histogram("seconds", "", bounds=(1, 2))
        self.waiting = Gauge("waiting", "")
        self.waiting.read = lambda: {(): 5}


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Numbers]:
    own: Mapping[str, Metric] = {}
    monkeypatch.setattr(metrics, "METRICS", own)
    yield Numbers()


def place(master: MasterBoard, worker: int) -> WorkerPlace:
    given = master.give(worker)
    assert given is not None
    return given


def test_counters_go_on_and_gauges_vanish_when_a_worker_ends(numbers: Numbers) -> None:
    master = MasterBoard(2)
    first, second = place(master, 1), place(master, 2)
    assert master.give(3) is None
    numbers.answers.add((200,))
    for value in (0.5, 1, 1.5, 7):
        numbers.seconds.observe(value)
    assert first.write() and second.write()
    both = {"answers": {(200,): 2}, "seconds": {(): [4, 2, 2, 20]}}
    assert sums(master.board) == {
        **both,
        "waiting": {(): 10},
        "flix_workers": {(): 2},
        "flix_worker_exits": {(): 0},
    }
    master.take_back(1)
    one_left = {"waiting": {(): 5}, "flix_workers": {(): 1}, "flix_worker_exits": {(): 1}}
    assert sums(master.board) == {**both, **one_left}
    # The next one gets the place, and goes on with its counts.
    numbers.answers.values.clear()
    third = place(master, 4)
    assert sums(master.board) == {**both, **one_left}
    numbers.answers.add((500,))
    numbers.seconds.values.clear()
    assert third.write() and third.write()
    all_three = {"answers": {(200,): 2, (500,): 1}, "seconds": both["seconds"]}
    waiting = {"waiting": {(): 10}, "flix_workers": {(): 2}, "flix_worker_exits": {(): 1}}
    assert sums(master.board) == {**all_three, **waiting}
    for worker in (4, 2):
        master.take_back(worker)
    assert sums(master.board) == {**all_three, "flix_workers": {(): 0}, "flix_worker_exits": {(): 3}}


def test_a_document_that_is_too_long_keeps_the_one_before() -> None:
    board = Board(1)
    assert board.write(0, b"short")
    assert not board.write(0, b"x" * COPY_BYTES)
    assert board.read(0) == b"short"
