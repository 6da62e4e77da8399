"""Counters, histograms and gauges as plain numbers of this process (docs/decisions/114-metrics.md).

To count is to change a number in a dictionary. The web server adds up the workers and shows the sums
(services/kit/web/metrics_board.py). Labels never come from clients, so that their number is bounded.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Labels = tuple[str | int, ...]
Values = dict[str, dict[Labels, Any]]
"""Of each metric the value for each combination of its labels: a number, or the list of a histogram."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Counter:
    """A number that only grows. `known` are the labels that show 0 from the start."""

    def __init__(self, name: str, about: str, labels: Sequence[str] = (), known: Iterable[Labels] = ()):
        self.about, self.labels = about, labels
        self.values: dict[Labels, float] = dict.fromkeys(() if labels else ((),), 0) | dict.fromkeys(known, 0)
        METRICS[name] = self

    def add(self, labels: Labels = (), amount: float = 1) -> None:
        """Add to the number of these labels."""
        try:
            self.values[labels] += amount
        except KeyError:
            self.values[labels] = amount


class Histogram:
    """How many values were at most each bound; the list of its labels ends with those above all, and with their sum."""

    def __init__(self, name: str, about: str, labels: Sequence[str] = (), bounds: Sequence[float] = SECONDS):
        self.about, self.labels, self.bounds = about, labels, bounds
        self.values: dict[Labels, list[float]] = {}
        METRICS[name] = self

    def observe(self, value: float, labels: Labels = ()) -> None:
        """Add a value to those of these labels."""
        counts = self.values.get(labels)
        if counts is None:
            counts = self.values[labels] = [0] * (len(self.bounds) + 2)
        counts[bisect_left(self.bounds, value)] += 1
        counts[-1] += value


class Gauge:
    """What `read` returns for each combination of labels, at each scrape."""

    def __init__(self, name: str, about: str, labels: Sequence[str] = ()):
        self.about, self.labels = about, labels
        self.read: Callable[[], Mapping[Labels, float]] = dict
        METRICS[name] = self

    @property
    def values(self) -> Mapping[Labels, float]:
        """The values now."""
        return self.read()


Metric = Counter | Histogram | Gauge
METRICS: dict[str, Metric] = {}
"""Every metric that this process has, by its name."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD = "other"
UNKNOWN_ROUTE = "unknown"
REQUEST_SECONDS = Histogram(
    "flix_request_seconds", "Time from a request's head to its response", ("route", "method", "status")
)
REFUSED = Counter("flix_requests_refused", "Requests that met a bound, by which", ("reason",))


def known_method(method: str) -> str:
    """Return the method as a label: one that clients made up is `other`."""
    return method if method in METHODS else OTHER_METHOD


def count_request(route: str | None, method: str, status: int, seconds: float) -> None:
    """Count a request that was answered; `route` is the template of its address, None where it has none."""
    REQUEST_SECONDS.observe(seconds, (route or UNKNOWN_ROUTE, known_method(method), status))


_before_reading: Callable[[], object] = dict


def before_reading(count: Callable[[], object]) -> None:
    """Let `count` count what it has gathered before the values are read."""
    global _before_reading  # noqa: PLW0603 the metrics are the process's as well
    _before_reading = count


def values_now() -> Values:
    """Return the values of every metric of this process."""
    _before_reading()
    return {name: dict(metric.values) for name, metric in METRICS.items()}


def add_values(total: Values, more: Values) -> None:
    """Add values to the total."""
    for name, values in more.items():
        sums = total.setdefault(name, {})
        for labels, value in values.items():
            before = sums.get(labels)
            if before is None:
                sums[labels] = value
            elif isinstance(value, list):
                sums[labels] = [sum(pair) for pair in zip(before, value, strict=True)]
            else:
                sums[labels] = before + value


def without_gauges(values: Values) -> Values:
    """Return what stays when the process has ended."""
    return {name: each for name, each in values.items() if not isinstance(METRICS.get(name), Gauge)}
