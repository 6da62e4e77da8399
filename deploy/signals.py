"""The signals that end a command."""

import signal
from collections.abc import Callable
from typing import Any


def on_end(handler: Callable[[int, Any], object]) -> None:
    """Call the handler at Ctrl-C, at `kill`, and when the terminal is closed, unless `nohup` keeps that away."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
