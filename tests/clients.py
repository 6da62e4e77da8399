"""Clients that work at the same time, and requests that a busy database may refuse for a moment."""

import threading
from collections.abc import Callable, Iterator

import httpx

from tests.waiting import until

MAXIMUM_REQUESTS = 200_000


def send_patiently(send: Callable[[], httpx.Response], *also: int) -> httpx.Response:
    """Send a request as a client should: again while a busy database answers 503 (docs/traps.md, 19).

    `also` are more statuses after which the request may be repeated, such as 504 for a sign-in.
    """
    responses: list[httpx.Response] = []

    def is_final() -> bool:
        responses.append(send())
        is_busy = responses[-1].status_code in (503, *also)
        assert not is_busy or int(responses[-1].headers["Retry-After"]) >= 1
        return not is_busy

    until(is_final, "a final response")
    return responses[-1]


class Clients:
    """Threads that work until the block ends; an exception in one of them is raised then."""

    def __init__(self, number: int, work: Callable[[int], Iterator[None]]):
        self._stopped = threading.Event()
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(work(index),)) for index in range(number)]

    def _run(self, steps: Iterator[None]) -> None:
        try:
            for _, _ in zip(range(MAXIMUM_REQUESTS), steps, strict=False):
                if self._stopped.is_set():
                    return
        except BaseException as error:
            self._errors.append(error)

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        for error in self._errors:
            raise error
