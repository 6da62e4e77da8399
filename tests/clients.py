"""Clients that work at the same time while a test breaks something."""

import threading
from collections.abc import Callable, Iterator

MAXIMUM_REQUESTS = 200_000


class Clients:
    """Threads that work until they are told to stop; an exception in one of them is raised at the end."""

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
