"""What ends a command."""

import signal
from typing import Any

import pytest

from deploy.signals import on_end

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize(("before", "ends"), [(signal.SIG_DFL, ENDS), (signal.SIG_IGN, ENDS[:2])])
def test_a_closed_terminal_ends_a_command_unless_it_has_nohup(before: Any, ends: tuple[int, ...]) -> None:
    def handler(_number: int, _frame: Any) -> None: ...

    handlers = {number: signal.getsignal(number) for number in ENDS}
    try:
        signal.signal(signal.SIGHUP, before)
        on_end(handler)
        assert tuple(number for number in ENDS if signal.getsignal(number) is handler) == ends
    finally:
        for number, each in handlers.items():
            signal.signal(number, each)
