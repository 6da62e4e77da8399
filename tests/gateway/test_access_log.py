"""gateway.access_log: the access line and the numbers of a request."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from gateway import access_log
from gateway.access_log import MOST_REFUSALS, AccessLog
from gateway.routes import PUBLIC_ROUTES
from services.kit.core.errors import ServiceError
from services.kit.core.metrics import METHODS, OTHER_METHOD, REQUEST_SECONDS, SECONDS, UNKNOWN_ROUTE, values_now
from services.kit.web.app import CLIENT_CLOSED_REQUEST
from services.kit.web.metrics_board import MasterBoard
from tests.gateway.fakes import Gateway, gateway_with

CATALOG = "/api/public/events/{event_slug}/catalog"
TIMES = ("milliseconds", "upstreamMilliseconds", "timestamp")
HOSTILE = ('"', "\\", 'x","status":"', "a b", "\x7f", "\t", "%", "{}", "\xe9", "x" * 65)
SUCCESSES = (200, 201, 202, 204, 304)
JUNK = ("/api/public/events/a/b/c/d", "/x", "/api/events/1/2/3/4", "/..;/", "/internal/version", "/%00")


class Written:
    """What an access log has written."""

    def __init__(self) -> None:
        self.text = b""

    def __call__(self, lines: bytes) -> None:
        self.text += lines

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """The access lines of the gateway, each written at once."""
    lines = Written()
    monkeypatch.setattr(access_log, "_write_to_standard_output", lines)
    monkeypatch.setattr(access_log, "MOST_GATHERED", 1)
    return lines


def without_times(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for line in lines:
        assert 0 <= line["upstreamMilliseconds"] <= line["milliseconds"]
        assert line["timestamp"].endswith("Z")
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


@pytest.mark.parametrize("is_direct", [True, False])
def test_each_line_says_what_was_answered_to_whom(written: Written, *, is_direct: bool) -> None:
    with gateway_with() as gateway:
        if not is_direct:
            gateway._app.direct = None
        gateway.content.responds("POST /internal/public/events/launch/catalog", {"items": []})
        gateway.content.responds("GET /api/events?q=secret", {"items": []})
        sizes = [
            len(gateway.send("POST", "/api/public/events/launch/catalog").content),
            len(gateway.send("POST", "/api/public/events/gone/catalog", headers={"Authorization": "Bearer x"}).content),
            len(gateway.as_admin("GET", "/api/events?q=secret").content),
            len(gateway.send("BREW", "/secret").content),
        ]
    about = [
        (CATALOG, "POST", 200, "-"),
        (CATALOG, "POST", 404, "bearer"),
        ("/api/events", "GET", 200, "admin-1"),
        ("unknown", "other", 404, "-"),
    ]
    common = {"event": "request", "requestId": "request-1", "level": "info", "service": "gateway"}
    assert without_times(written.lines()) == [
        {**common, "route": route, "method": method, "status": status, "bytes": size, "principal": who}
        for (route, method, status, who), size in zip(about, sizes, strict=True)
    ]
    assert b"secret" not in written.text


@pytest.mark.parametrize("is_direct", [True, False])
def test_a_request_whose_client_leaves_has_one_too(written: Written, *, is_direct: bool) -> None:
    with gateway_with() as gateway:
        if not is_direct:
            gateway._app.direct = None
        gateway.content.never_responds("POST /internal/public/events/launch/catalog")
        gateway.leave("POST", "/api/public/events/launch/catalog", gateway.content)
    [line] = written.lines()
    assert line["upstreamMilliseconds"] > 0
    assert without_times([line]) == [
        {
            **{"event": "request", "requestId": "request-1", "level": "info", "service": "gateway"},
            **{"route": CATALOG, "method": "POST", "status": 499, "bytes": 0, "principal": "-"},
        }
    ]


def test_successes_are_sampled_and_the_others_are_not(written: Written) -> None:
    chosen = iter([True, False, False])
    log = AccessLog(30, written, lambda percent: percent == 30 and next(chosen))
    log.write([("/", "GET", status, 0.1, 0, 0.05, "-", "1", 0) for status in (200, 204, 404, 304, 503)])
    assert [line["status"] for line in written.lines()] == [200, 404, 503]


@pytest.mark.parametrize("is_direct", [True, False])
def test_nothing_that_a_client_sends_breaks_a_line(written: Written, *, is_direct: bool) -> None:
    with gateway_with() as gateway:
        if not is_direct:
            gateway._app.direct = None
        sent = ["well-formed_1.2", *HOSTILE]
        for text in sent:
            headers = {name: text.encode("latin-1") for name in ("X-Request-ID", "Authorization", "User-Agent")}
            gateway.send("POST", "/api/public/events/launch/catalog", headers=headers, request_id=None)
    ids = [line["requestId"] for line in written.lines()]
    assert (ids[0], len(ids), [each for each in ids[1:] if UUID(each).version != 7]) == (sent[0], len(sent), [])


@pytest.mark.parametrize("text", ['"', "\\", "\n", "\x00", "\x7f", "\u2028", "\N{GRINNING FACE}", '","status":"'])
def test_the_texts_of_a_line_are_quoted(written: Written, text: str) -> None:
    AccessLog(100, written, lambda _percent: False).write([(text, "GET", 200, 0.12345, 7, 0.0, text, "1", 1.5)])
    assert written.lines() == [
        {
            **{"event": "request", "route": text, "method": "GET", "status": 200, "milliseconds": 123.45, "bytes": 7},
            **{"upstreamMilliseconds": 0.0, "principal": text, "requestId": "1", "level": "info"},
            **{"timestamp": "1970-01-01T00:00:01.500000Z", "service": "gateway"},
        }
    ]


def test_a_full_disk_ends_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with suppress(OSError), Path("/dev/full").open("w") as full, gateway_with() as gateway:
        monkeypatch.setattr(sys, "stdout", full)
        monkeypatch.setattr(access_log, "MOST_GATHERED", 1)
        statuses = gateway.statuses(3, "GET", "/nothing")
        monkeypatch.undo()
    assert statuses == [404] * 3


def test_above_info_no_line_is_written(written: Written) -> None:
    with gateway_with(LOG_LEVEL="warning") as gateway:
        assert gateway.send("GET", "/nothing").status_code == 404
    assert written.text == b""


def test_what_the_connection_refuses_has_a_line_while_it_is_little(written: Written) -> None:
    before = {labels: list(counts) for labels, counts in REQUEST_SECONDS.values.items()}
    with gateway_with() as gateway:

        async def refuse() -> None:
            refused = gateway._app.bound.refused
            refused(400, "not-read", b"HTTP/1.1 400\r\n\r\n{}")
            for _ in range(MOST_REFUSALS):
                headers = [(b"authorization", b"Bearer secret")]
                refused(503, "busy", b"HTTP/1.1 503\r\n\r\n[1]", b"POST", "/api/public/events/x/catalog", headers)

        gateway._runner.run(refuse())
        values_now()
    common = {"event": "request", "level": "info", "service": "gateway"}
    unread = {
        "route": "unknown",
        "method": "other",
        "status": 400,
        "bytes": 2,
        "principal": "-",
        "requestId": "not-read",
    }
    busy = {"route": CATALOG, "method": "POST", "status": 503, "bytes": 3, "principal": "bearer", "requestId": "busy"}
    assert without_times(written.lines()) == [{**common, **unread}, *[{**common, **busy}] * (MOST_REFUSALS - 1)]
    assert before == REQUEST_SECONDS.values


@pytest.fixture
def junk_requests() -> Iterator[Gateway]:
    REQUEST_SECONDS.values.clear()
    with gateway_with(RATE_LIMIT_ADDRESS_MAX="30") as gateway:
        yield gateway


def test_whatever_clients_send_there_are_few_labels(junk_requests: Gateway) -> None:
    gateway = junk_requests
    gateway.send("GET", "/nothing")
    series = {name: set(each) for name, each in values_now().items()}
    for number in range(40):
        gateway.send("GET", f"/nothing-{number}")
        gateway.send("POST", f"/api/public/events/{number}/catalog", request_id=f"{number}")
        gateway.send(f"BREW{number}", f"{JUNK[number % len(JUNK)]}{number}", headers={"Origin": f"https://{number}.x"})
    more = {(name, labels) for name, each in values_now().items() for labels in each if labels not in series[name]}
    assert {labels for name, labels in more if name == "flix_request_seconds"} == {
        (CATALOG, "POST", 404),
        (CATALOG, "POST", 429),
        ("unknown", "other", 403),
    }
    assert {labels for _name, labels in more} <= {
        *((CATALOG,), (CATALOG, "POST", 404), (CATALOG, "POST", 429)),
        *(("unknown",), ("unknown", "other", 403), ("unknown", "GET", 404)),
        *(("content", 200), ("content", 404), ("content", "miss"), ("content", "hit"), ("origin",), ("rate_limit",)),
    }


def test_the_most_that_can_be_counted_has_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    most = [2**40] * (len(SECONDS) + 2)
    addresses = [*(route.path for route in PUBLIC_ROUTES), UNKNOWN_ROUTE]
    statuses = {*SUCCESSES, CLIENT_CLOSED_REQUEST, *(each.status for each in every_subclass(ServiceError))}
    every = dict.fromkeys(product(addresses, [*METHODS, OTHER_METHOD], statuses), most)
    monkeypatch.setattr(REQUEST_SECONDS, "values", every)
    place = MasterBoard(1).give(1)
    assert place is not None and place.write()


def every_subclass(parent: type[ServiceError]) -> Iterator[type[ServiceError]]:
    yield parent
    for each in parent.__subclasses__():
        yield from every_subclass(each)
