"""Warnings about what may happen thousands of times a second: a line a minute, with the count since the line before."""

import time
from collections.abc import Callable, Mapping
from contextvars import Context

from services.kit.core.logging import log
from services.kit.core.metrics import REFUSED

LOG_SECONDS = 60


class RefusalLog:
    """Counts refusals of one reason, and logs them as `event` at most once a minute, the first at once.

    `show` returns what a line shows besides, where that takes too long to be made for each refusal.
    """

    def __init__(
        self,
        event: str,
        reason: str,
        clock: Callable[[], float] = time.monotonic,
        show: Callable[[], Mapping[str, object]] = dict,
    ):
        self._event = event
        self._labels = (reason,)
        self._clock = clock
        self._show = show
        self._count = 0
        self._log_at = float("-inf")
        REFUSED.values.setdefault(self._labels, 0)

    def count(self, refused: int = 1, **latest: object) -> None:
        """Count a refusal, or none, but something that `show` tells; the line has `latest` of the last one."""
        REFUSED.add(self._labels, refused)
        self._count += refused
        if self._clock() >= self._log_at:
            self._log_at = self._clock() + LOG_SECONDS
            # In an empty context: the line is about many requests.
            Context().run(log.warning, self._event, refused=self._count, **self._show(), **latest)
            self._count = 0
