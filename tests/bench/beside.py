"""Learners while something else goes on: the p99 of the catalog before and meanwhile."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import httpx

from tests.bench.generator import Run, measure
from tests.bench.targets import Check
from tests.installation import Installation

STALLED = 1.5


@dataclass(frozen=True)
class Growth:
    """One figure before and after something grew or began, with its unit, and what is asked of their ratio.

    `foreign` is what others took of the cores meanwhile.
    """

    before: str
    after: str
    check: Check
    foreign: list[float]


@dataclass
class Work:
    """What went on: how many requests were answered, and the statuses of others."""

    done: int = 0
    failures: list[int] = field(default_factory=list)


def catalog_beside(
    stack: Installation,
    request: bytes,
    what: str,
    send: Callable[[httpx.Client], httpx.Response],
    rounds: int,
    seconds: int,
    **headers: str,
) -> Growth:
    """Measure the catalog in turn alone and while `send` is done again and again, one request at a time."""
    quiet: list[Run] = []
    busy: list[Run] = []
    work = Work()
    for _ in range(rounds):
        quiet.append(measure(stack.address, [request], seconds))
        with stack.client(**headers) as client, _again_and_again(lambda: send(client), work):
            busy.append(measure(stack.address, [request], seconds))
    before, after = (median(run.p99 for run in runs) for runs in (quiet, busy))
    failures = sum(run.refused + run.broken for run in [*quiet, *busy]) + len(work.failures)
    refused = f", **{failures} refused or broken**" if failures else ""
    meanwhile = f"{what} ({work.done / rounds / seconds:.1f} a second{refused})"
    return Growth(
        f"{before:.1f} ms",
        f"{after:.1f} ms",
        Check(
            f"others while {what}",
            f"p99 of the catalog while {meanwhile}",
            "{} times the p99",
            after / max(before, 0.01),
            STALLED,
            at_most=True,
        ),
        [run.foreign for run in [*quiet, *busy]],
    )


@contextmanager
def _again_and_again(send: Callable[[], httpx.Response], work: Work) -> Iterator[None]:
    stopped = threading.Event()

    def repeat() -> None:
        while not stopped.is_set():
            response = send()
            work.done += 1
            if not response.is_success:
                work.failures.append(response.status_code)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
