"""Warnings about what may happen thousands of times a second: a line a minute, with the count since the line before."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context

from services.kit.core.logging import log
from services.kit.core.metrics import REFUSED

LOG_SECONDS = 60
Later = Callable[[float, Callable[[], None]], None]


def call_later(seconds: float, call: Callable[[], None]) -> None:
    """Call it after these seconds, in an empty context; never where no event loop runs."""
    with suppress(RuntimeError):
        asyncio.get_running_loop().call_later(seconds, call, context=Context())


class RefusalLog:
    """Counts refusals of one reason, and logs them as `event` once a minute: the first at once, the others together.

    `show` returns what a line shows besides, where that takes too long to be made for each refusal.
    """

    def __init__(
        self,
        event: str,
        reason: str,
        clock: Callable[[], float] = time.monotonic,
        show: Callable[[], Mapping[str, object]] = dict,
        later: Later = call_later,
    ):
        self._event = event
        self._labels = (reason,)
        self._clock = clock
        self._show = show
        self._later = later
        self._latest: Mapping[str, object] = {}
        self._count = 0
        self._has_more = False
        self._log_at = float("-inf")
        REFUSED.values.setdefault(self._labels, 0)

    def count(self, refused: int = 1, **latest: object) -> None:
        """Count refusals: 0 where only what `show` returns has changed. The line has `latest` of the last one."""
        REFUSED.add(self._labels, refused)
        self._count += refused
        self._latest = latest
        self._has_more = True
        if self._clock() >= self._log_at:
            self._log()

    def _log(self) -> None:
        self._log_at = self._clock() + LOG_SECONDS
        # In an empty context: the line is about many requests.
        Context().run(log.warning, self._event, refused=self._count, **self._show(), **self._latest)
        self._count, self._has_more = 0, False
        self._later(LOG_SECONDS, self._log_rest)

    def _log_rest(self) -> None:
        """Log what came since the last line, also when nothing more comes. A loop's clock may be a little ahead."""
        if self._has_more and self._clock() >= self._log_at - 1:
            self._log()
