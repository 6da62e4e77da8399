"""services.kit.core.refusal_log: a line a minute."""

from collections.abc import Callable

from structlog.testing import capture_logs

from services.kit.core.metrics import REFUSED
from services.kit.core.refusal_log import LOG_SECONDS, RefusalLog


def test_the_last_refusals_are_logged_although_no_other_comes() -> None:
    now = 0.0
    timers: list[tuple[float, Callable[[], None]]] = []
    with capture_logs() as lines:
        log = RefusalLog("door_closed", "test_reason", lambda: now, dict, lambda *timer: timers.append(timer))
        for number in range(4):
            log.count(number=number)
        now = LOG_SECONDS - 0.1
        timers[0][1]()
        now += LOG_SECONDS
        # Nothing came since that line.
        timers[1][1]()
    common = {"event": "door_closed", "log_level": "warning"}
    assert lines == [{**common, "refused": 1, "number": 0}, {**common, "refused": 3, "number": 3}]
    assert [seconds for seconds, _ in timers] == [LOG_SECONDS] * 2
    assert REFUSED.values.pop(("test_reason",)) == 4


def test_refusals_are_counted_and_logged_once_a_minute() -> None:
    times = iter([0.0, 0.0, 1.0, 59.0, 60.0, 60.0])
    with capture_logs() as lines:
        log = RefusalLog("door_closed", "test_reason", lambda: next(times))
        for number in range(4):
            log.count(number=number)
    common = {"event": "door_closed", "log_level": "warning"}
    assert lines == [{**common, "refused": 1, "number": 0}, {**common, "refused": 3, "number": 3}]
    assert REFUSED.values.pop(("test_reason",)) == 4
