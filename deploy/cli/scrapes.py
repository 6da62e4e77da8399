"""The metrics of a process, as it shows them to Prometheus."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from deploy.cli.fetch import NO_RESPONSE, fetch

Samples = Mapping[str, Mapping[str, float]]
"""Of each gauge the value for each of its own label's values; that of a gauge without a label is at ``""``."""


class Scrape(NamedTuple):
    """A process's metrics; without `samples` the message says why, and `is_silent` that nobody answers."""

    address: str | None
    samples: Samples | None
    version: str | None = None
    message: str | None = None
    is_silent: bool = False


def scrape(name: str, address: str | None) -> Scrape:
    """Read the gauges of the process `name`."""
    if address is None:
        return Scrape(None, None, message="it shows no metrics: METRICS_PORT is 0")
    try:
        response = fetch(address)
        text = response.body.decode()
    except OSError as error:
        return Scrape(address, None, message=f"no metrics at {address} ({error.strerror or error})", is_silent=True)
    except NO_RESPONSE:
        return _of_another(address)
    return _read(name, address, text) if response.is_ok else _of_another(address)


def number(samples: Samples, name: str) -> int | None:
    """Return the value of a gauge without a label, None where the process has no such gauge."""
    value = samples.get(name, {}).get("")
    return None if value is None else int(value)


def feed_read_at(samples: Samples) -> datetime | None:
    """Return when the follower last read content's feed."""
    seconds = samples.get("flix_feed_last_read_timestamp_seconds", {}).get("")
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _read(name: str, address: str, text: str) -> Scrape:
    samples: dict[str, dict[str, float]] = {}
    version, service = None, None
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples if family.type == "gauge" else ():
                if sample.name == "flix_build_info":
                    service, version = sample.labels.get("service"), sample.labels.get("version")
                label = next((value for own, value in sample.labels.items() if own != "service"), "")
                samples.setdefault(sample.name, {})[label] = sample.value
    except ValueError:
        return _of_another(address)
    return Scrape(address, samples, version) if service == name else _of_another(address, service)


def _of_another(address: str, service: str | None = None) -> Scrape:
    who = service or "another program"
    advice = "set no METRICS_PORT, so that each process has its own" if service else "free it, or set METRICS_PORT"
    return Scrape(address, None, message=f"no metrics: {who} answers at {address} ({advice})")
