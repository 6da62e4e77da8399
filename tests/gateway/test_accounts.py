"""gateway.accounts: the access line and the numbers of a request."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from gateway import accounts
from gateway.accounts import AccessLog, Answered
from services.kit.core.metrics import REQUESTS, values_now
from tests.gateway.fakes import Gateway, gateway_with

CATALOG = "/api/public/events/{event_slug}/catalog"
TIMES = ("milliseconds", "upstreamMilliseconds", "timestamp")
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
    monkeypatch.setattr(accounts, "_write_to_standard_output", lines)
    monkeypatch.setattr(accounts, "MOST_GATHERED", 1)
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


def test_successes_are_sampled_and_the_others_are_not(written: Written) -> None:
    chosen = iter([True, False, False])
    log = AccessLog(30, written, lambda percent: percent == 30 and next(chosen))
    log.write([Answered("/", "GET", status, 0.1, 0, 0.05, "-", "1", 0) for status in (200, 204, 404, 304, 503)])
    assert [line["status"] for line in written.lines()] == [200, 404, 503]


def test_above_info_no_line_is_written(written: Written) -> None:
    with gateway_with(LOG_LEVEL="warning") as gateway:
        assert gateway.send("GET", "/nothing").status_code == 404
    assert written.text == b""


@pytest.fixture
def junk_requests() -> Iterator[Gateway]:
    REQUESTS.values.clear()
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
    assert {labels for name, labels in more if name == "flix_requests"} == {
        (CATALOG, "POST", 404),
        (CATALOG, "POST", 429),
        ("unknown", "other", 403),
    }
    assert {labels for _name, labels in more} <= {
        *((CATALOG,), (CATALOG, "POST", 404), (CATALOG, "POST", 429)),
        *(("unknown",), ("unknown", "other", 403), ("unknown", "GET", 404)),
        *(("content",), ("content", "miss"), ("content", "hit"), ("origin",), ("rate_limit",)),
    }
