"""GET /metrics on a port of its own: prometheus-client writes what the board or this process holds."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from services.kit.core.logging import log
from services.kit.core.metrics import METRICS, Counter, Gauge, Histogram, Values, values_now
from services.kit.core.version import VERSION
from services.kit.web.metrics_board import WORKER_EXITS, WORKERS, WorkerPlace, sums
from services.kit.web.serving import bound_socket

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Prometheus waits as long for a scrape.
SCRAPE_SECONDS = 10
MOST_BYTES = 8 * 1024
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Sums(Collector):
    """Shows the values that `read` returns, as those of one service."""

    def __init__(self, service: str, read: Callable[[], Values]):
        self._service = service
        self._read = read

    def collect(self) -> Iterator[Family]:
        """Yield every metric."""
        values = self._read()
        info = GaugeMetricFamily("flix_build_info", "The version", labels=("service", "version"))
        info.add_metric((self._service, VERSION), 1)
        yield info
        if WORKERS in values:
            yield self._plain(GaugeMetricFamily, WORKERS, "Workers that report", values)
            yield self._plain(CounterMetricFamily, WORKER_EXITS, "Workers that have ended", values)
        for name, metric in METRICS.items():
            yield self._family(name, metric, values)

    def _plain(self, kind: type[Family], name: str, about: str, values: Values) -> Family:
        family = kind(name, about, labels=("service",))
        cast(GaugeMetricFamily, family).add_metric((self._service,), values[name][()])
        return family

    def _family(self, name: str, metric: Counter | Histogram | Gauge, values: Values) -> Family:
        labels = ("service", *metric.labels)
        series = values.get(name, {}).items()
        if isinstance(metric, Histogram):
            histogram = HistogramMetricFamily(name, metric.about, labels=labels)
            for own, counts in series:
                histogram.add_metric((self._service, *map(str, own)), *_cumulated(metric, counts))
            return histogram
        family = (CounterMetricFamily if isinstance(metric, Counter) else GaugeMetricFamily)(
            name, metric.about, labels=labels
        )
        for own, value in series:
            family.add_metric((self._service, *map(str, own)), value)
        return family


def _cumulated(metric: Histogram, counts: list[float]) -> tuple[list[tuple[str, float]], float]:
    buckets, total = [], 0.0
    for bound, count in zip((*map(str, metric.bounds), "+Inf"), counts, strict=False):
        total += count
        buckets.append((bound, total))
    return buckets, counts[-1]


def registry(service: str, read: Callable[[], Values]) -> CollectorRegistry:
    """Return a registry of these values alone."""
    own = CollectorRegistry()
    own.register(Sums(service, read))
    return own


def listen(host: str, port: int) -> socket.socket | None:
    """Return a listener for scrapes, None where there can be none."""
    with _logged(host, port):
        listener = bound_socket(host, port)
        listener.listen()
        return listener
    return None


def serve_own(service: str, host: str, port: int) -> None:
    """Show the numbers of this process, which has no workers, from a thread. 0 is no port."""
    if port:
        with _logged(host, port):
            start_http_server(port, host, registry(service, values_now))


@contextmanager
def _logged(host: str, port: int) -> Iterator[None]:
    """Log whether metrics are shown there. A port that cannot be used is no error: a service works without."""
    try:
        yield
    except OSError as error:
        log.warning("metrics_port_not_available", host=host, port=port, reason=error.strerror)
    else:
        log.info("metrics_served", host=host, port=port)


class Scrape(asyncio.Protocol):
    """A connection with one request, to which the worker that accepts it responds for all."""

    def __init__(self, service: str, place: WorkerPlace):
        self._place = place
        self._registry = registry(service, lambda: sums(place.board))
        self._received = b""
        self._response: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the client some time, also to take its response."""
        self._transport = cast(asyncio.Transport, transport)
        asyncio.get_running_loop().call_later(SCRAPE_SECONDS, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Read the head, and respond once it is complete."""
        self._received += data
        if self._response is None and b"\r\n\r\n" in self._received:
            self._response = asyncio.create_task(self._respond())
        elif len(self._received) > MOST_BYTES:
            self._transport.abort()

    async def _respond(self) -> None:
        target = self._received.split(b"\r\n", 1)[0].split(b" ")[:2]
        if target == [b"GET", b"/metrics"]:
            # What is shown must be written: this worker may be killed before the next scrape.
            self._place.write()
            status, body = b"200 OK", await asyncio.to_thread(generate_latest, self._registry)
        else:
            status, body = b"404 Not Found", b"GET /metrics\n"
        kind, length = CONTENT_TYPE.encode(), len(body)
        head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        # uvloop raises an error where the client has left meanwhile.
        if not self._transport.is_closing():
            self._transport.write(head % (status, kind, length) + body)
            self._transport.close()
