"""Bounds that are met in real processes: each refusal is counted, and of many there is one line."""

import asyncio
import json
import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from os import kill
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.stack import ROOT
from gateway.batches import MOST_ITEMS
from services.kit.storage.thread_pool import WAITING_LIMIT
from tests.contract.samples import chosen, new_event, new_lesson, new_quiz, private_event, public_address
from tests.installation import Installation, installation
from tests.ports import free_ports
from tests.processes import children
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.full

ADDRESSES = (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in count(1))
# Instead of 2,048: opening so many connections can take a busy machine longer than a submission may wait.
MOST_WAITING = 64
SMALLER_BATCHES = f"import gateway.batches\n\ngateway.batches.MOST_WAITING = {MOST_WAITING}\n"
BEYOND = 40
# A refusal comes while the others are held up.
REFUSED_FIRST = 10
FULL = "Too many requests are waiting; try again shortly"
MOST_OF_AN_ADDRESS, MOST_GUESSES = 5, 2


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A stack whose clients choose their addresses."""
    folder: Path = tmp_path_factory.mktemp("bounds")
    # Python runs it at the start of each process.
    (folder / "sitecustomize.py").write_text(SMALLER_BATCHES)
    bounds = {"RATE_LIMIT_ADDRESS_MAX": str(MOST_OF_AN_ADDRESS), "ACCESS_KEY_GUESSES_MAX": str(MOST_GUESSES)}
    others = {"TRUSTED_PROXIES": "1", "SERVICE_THREADS": "1", "PYTHONPATH": f"{folder}:{ROOT}"}
    with installation(folder, None, **bounds, **others) as built:
        built.metrics_ports.update(zip(("gateway", "content"), free_ports(2), strict=True))
        built.prepare()
        built.start()
        yield built


def answers(requests: Iterable[httpx.Request], let_go: Callable[[], object]) -> list[tuple[int, Any]]:
    """Send them all at once, let go what holds them up once some are refused; return the statuses and documents."""

    async def all_at_once() -> list[tuple[int, Any]]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            sent = [asyncio.create_task(_answer(each)) for each in requests]
            refused_first = 0
            for each in asyncio.as_completed(sent):
                # On a busy machine others may have waited for too long before every place is taken.
                refused_first += (await each)[1].get("message") == FULL
                if refused_first == REFUSED_FIRST:
                    break
            let_go()
            return await asyncio.gather(*sent)

    return asyncio.run(all_at_once())


async def _answer(request: httpx.Request) -> tuple[int, Any]:
    # A client of httpx takes five times as long.
    reader, writer = await asyncio.open_connection(request.url.host, request.url.port)
    with closing(writer):
        lines = [f"{request.method} {request.url.path} HTTP/1.1", "Connection: close"]
        lines += [f"{name}: {text}" for name, text in request.headers.items() if name != "connection"]
        writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode() + request.content)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)


def many_origins(stack: Installation) -> int:
    with stack.client(Origin="https://elsewhere.example") as client:
        return [client.get("/health").status_code for _ in range(3)].count(403)


def many_requests(stack: Installation) -> int:
    with stack.client(**{"X-Forwarded-For": next(ADDRESSES)}) as client:
        responses = [client.get("/api/public/events").status_code for _ in range(MOST_OF_AN_ADDRESS + 3)]
    return responses.count(429)


def many_guesses(stack: Installation) -> int:
    with stack.admin() as admin, stack.client(**{"X-Forwarded-For": next(ADDRESSES)}) as client:
        address = f"/api/public/events/{private_event(admin)['slug']}/catalog"
        keys = [f"guess {number}" for number in range(MOST_GUESSES + 3)]
        guesses = [client.post(address, json={"eventAccessKey": each}) for each in keys]
    return [each.status_code for each in guesses].count(429)


def many_submissions(stack: Installation) -> int:
    with stack.admin() as admin:
        event = new_event(admin, isActive=True)
        lesson = new_lesson(admin, event)
        body = {"answers": chosen(new_quiz(admin, lesson), True, True)}
    address = f"{stack.address}{public_address(event, lesson['slug'], 'quiz/submit')}"
    submissions = [
        httpx.Request("POST", address, json=body, headers={"X-Forwarded-For": next(ADDRESSES)})
        # The first batch may take as many as a batch can.
        for _ in range(MOST_ITEMS + MOST_WAITING + BEYOND)
    ]
    with stopped(children(stack.pid("quiz"))) as go_on:
        return refused(answers(submissions, go_on))


def many_writes(stack: Installation) -> int:
    with stack.admin() as admin:
        token, event = admin.headers["Authorization"], new_event(admin)
    # Not through the gateway, which has too few connections to fill the pool of a worker.
    address = f"{stack.addresses['content']}/api/events/{event['id']}"
    write = httpx.Request("PUT", address, json={"title": "Another"}, headers={"Authorization": token})
    file = stack.environment["CONTENT_DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        return refused(answers([write] * (WAITING_LIMIT + BEYOND), lambda: other.execute("ROLLBACK")))


def refused(responses: list[tuple[int, Any]]) -> int:
    """Return how many were refused because too many were waiting."""
    return [(status, document.get("message")) for status, document in responses].count((503, FULL))


@contextmanager
def stopped(pids: Iterable[int]) -> Iterator[Callable[[], None]]:
    """Stop these processes; yield how to let them go on."""

    def go_on() -> None:
        for pid in pids:
            kill(pid, signal.SIGCONT)

    for pid in pids:
        kill(pid, signal.SIGSTOP)
    try:
        yield go_on
    finally:
        go_on()


class Bound(NamedTuple):
    """A bound: which process has it, the event and the reason of its refusals, how it is met, and what a line shows."""

    process: str
    event: str
    reason: str
    meet: Callable[[Installation], int]
    shown: dict[str, object]


BOUNDS = [
    Bound("gateway", "origin_refused", "origin", many_origins, {"origin": "https://elsewhere.example"}),
    Bound(
        "gateway",
        "rate_limit_refused",
        "rate_limit",
        many_requests,
        {"policy": "learners", "most": MOST_OF_AN_ADDRESS},
    ),
    Bound("gateway", "access_key_guesses_refused", "access_key_guesses", many_guesses, {}),
    Bound("gateway", "batch_full", "batch_full", many_submissions, {"most": MOST_WAITING}),
    Bound("content", "pool_full", "pool_full", many_writes, {"most": WAITING_LIMIT + 1}),
]


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.event)
def test_refusals_are_counted_and_logged_once_a_minute(stack: Installation, bound: Bound) -> None:
    number = bound.meet(stack)
    lines = [
        line for line in map(json.loads, stack.log_lines(bound.process).splitlines()) if line["event"] == bound.event
    ]
    assert number > 2
    assert counted(stack, bound) == number
    shown = {name: text for name, text in lines[0].items() if name not in ("timestamp", "eventSlug")}
    common = {"event": bound.event, "level": "warning", "service": bound.process, "refused": 1}
    assert shown == {**common, **bound.shown}
    # A slow machine may need more than a minute.
    assert len(lines) < number


def counted(stack: Installation, bound: Bound) -> float:
    address = f"http://127.0.0.1:{stack.metrics_ports[bound.process]}/metrics"
    text = httpx.get(address, trust_env=False, timeout=60).text
    labels = {"service": bound.process, "reason": bound.reason}
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    [value] = [each.value for each in samples if (each.name, each.labels) == ("flix_requests_refused_total", labels)]
    return value
