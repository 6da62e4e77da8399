"""services.kit.core.refusal_log: a line a minute."""

from structlog.testing import capture_logs

from services.kit.core.metrics import REFUSED
from services.kit.core.refusal_log import RefusalLog


def test_refusals_are_counted_and_logged_once_a_minute() -> None:
    times = iter([0.0, 0.0, 1.0, 59.0, 60.0, 60.0])
    with capture_logs() as lines:
        log = RefusalLog("door_closed", "test_reason", lambda: next(times))
        for number in range(4):
            log.count(number=number)
    common = {"event": "door_closed", "log_level": "warning"}
    assert lines == [{**common, "refused": 1, "number": 0}, {**common, "refused": 3, "number": 3}]
    assert REFUSED.values.pop(("test_reason",)) == 4
