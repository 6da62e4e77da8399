"""The processes of an installation: what each says of itself at its health addresses and in its metrics."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from deploy.env_file import APART
from deploy.folder_lock import names_without_metrics
from deploy.stack import reachable
from services.kit.core.config import Environment
from services.kit.core.failures import CommandFailed
from services.kit.core.instants import format_instant

DATA = Path("data")
ANSWER_SECONDS = 5
# The follower reads content's feed every few seconds; docker-compose.yml has the same bound.
FEED_SECONDS = 30
FOLLOWER = "follow-quiz"
_PORTS = {"auth": 3013, "content": 3011, "quiz": 3012}

Samples = Mapping[str, Mapping[str, float]]
"""Of each gauge the value for each of its own label's values; that of a gauge without a label is at ``""``."""


class Health(NamedTuple):
    """What a process says of itself: `ready`, `not ready`, or `down` without an answer."""

    state: str
    message: str | None
    version: str | None
    date: str | None


class Scrape(NamedTuple):
    """A process's metrics; without `samples` the message says why, and `is_silent` that nobody answers."""

    address: str | None
    samples: Samples | None
    version: str | None = None
    message: str | None = None
    is_silent: bool = False


class Seen(NamedTuple):
    """A process as it was found; the follower has no address."""

    name: str
    address: str | None
    health: Health
    scrape: Scrape


def processes_now() -> list[Seen]:
    """Ask every process, all at once: one that hangs takes its time only once."""
    served, shown = addresses(), metrics_addresses()
    without = [] if is_apart() else names_without_metrics(DATA)
    with ThreadPoolExecutor(len(served) + len(shown)) as pool:
        asked = {name: pool.submit(health_of, address) for name, address in served.items()}
        scraped = {name: pool.submit(scrape, name, address) for name, address in shown.items()}
    healths = {name: each.result() for name, each in asked.items()}
    scrapes = {name: _taken(shown[name]) if name in without else each.result() for name, each in scraped.items()}
    if not is_apart():
        # Of another installation on this machine, since the ports of metrics have the same defaults.
        scrapes |= {name: _nobody(scrapes[name]) for name, health in healths.items() if health.state == "down"}
        if all(health.state == "down" for health in healths.values()):
            scrapes[FOLLOWER] = _nobody(scrapes[FOLLOWER])
    healths[FOLLOWER] = _follower_health(scrapes[FOLLOWER])
    return [Seen(name, served.get(name), healths[name], scrapes[name]) for name in shown]


def addresses() -> dict[str, str]:
    """Return the URL of every process that serves."""
    environment = Environment(os.environ)
    services = {name: environment.address(name, port) for name, port in _PORTS.items()}
    local = f"http://{reachable(environment.option('API_HOST', '127.0.0.1'))}:{environment.option('API_PORT', '3001')}"
    return {**services, "gateway": environment.option(APART, local)}


def metrics_addresses() -> dict[str, str | None]:
    """Return where every process shows its metrics, None where METRICS_PORT is 0."""
    environment = Environment(os.environ)
    bound = reachable(environment.option("METRICS_HOST", "127.0.0.1"))
    found: dict[str, str | None] = {}
    served = addresses()
    for name in ("auth", "content", "quiz", FOLLOWER, "gateway"):
        port = environment.metrics_port(name)
        host = (urlsplit(served[name]).hostname if name in served else name) if is_apart() else bound
        found[name] = f"http://{host}:{port}/metrics" if port else None
    return found


def is_apart() -> bool:
    """Return whether this is the tools container: the processes, their folders and their settings are elsewhere."""
    return bool(os.environ.get(APART))


def require_place(command: str, place: Path | None = None) -> None:
    """Raise CommandFailed in the tools container, unless the place is mounted there; name what to call instead."""
    if is_apart() and not (place and place.exists()):
        raise CommandFailed(f"not in this container, which has none of the machine's files: call {command} there")


def health_of(address: str) -> Health:
    """Ask a process whether it is ready."""
    parts = urlsplit(address)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(connect(parts.netloc, timeout=ANSWER_SECONDS)) as connection:
        try:
            answer, response = _get(connection, f"{parts.path}/health")
        except (OSError, HTTPException, ValueError):
            return Health("down", None, None, None)
        version, date = answer.get("version"), response.getheader("Date")
        try:
            answer, response = _get(connection, f"{parts.path}/health/ready")
            state = "ready" if response.status == HTTPStatus.OK else "not ready"
            message = answer.get("message")
        except (OSError, HTTPException, ValueError):
            # As the gateway while a service hangs.
            state, message = "not ready", f"it does not say so within {ANSWER_SECONDS} s"
    return Health(state, message, None if version is None else str(version), date)


def scrape(name: str, address: str | None) -> Scrape:
    """Read the gauges of the process `name`."""
    if address is None:
        return Scrape(None, None, message="it shows no metrics: METRICS_PORT is 0")
    parts = urlsplit(address)
    try:
        with closing(HTTPConnection(parts.netloc, timeout=ANSWER_SECONDS)) as connection:
            connection.request("GET", parts.path)
            response = connection.getresponse()
            text = response.read().decode()
    except OSError as error:
        return Scrape(address, None, message=f"no metrics at {address} ({error.strerror or error})", is_silent=True)
    except (HTTPException, ValueError):
        return _of_another(address)
    return _read(name, address, text) if response.status == HTTPStatus.OK else _of_another(address)


def process_view(seen: Seen) -> dict[str, Any]:
    """Return a process as --json shows it (docs/operations.md, "flix status")."""
    samples = seen.scrape.samples or {}
    return {
        "name": seen.name,
        "address": seen.address,
        "state": seen.health.state,
        "message": seen.health.message,
        "version": seen.health.version or seen.scrape.version,
        "metrics": {"address": seen.scrape.address, "message": seen.scrape.message},
        "workers": _number(samples, "flix_workers"),
        "requests": [
            {"kind": kind, "inFlight": int(count), "limit": int(samples["flix_requests_in_flight_limit"][kind])}
            for kind, count in samples.get("flix_requests_in_flight", {}).items()
            if kind in samples.get("flix_requests_in_flight_limit", {})
        ],
        "batchWaiting": _number(samples, "flix_batch_waiting"),
        "useCases": _use_cases(seen.name, samples),
        "feed": _feed(samples),
    }


def process_problems(seen: Sequence[Seen]) -> list[str]:
    """Return a line for each process that is down or not ready, one where nothing runs."""
    if all(each.health.state == "down" for each in seen):
        return [f"no process answers: {start_advice()}"]
    lines = []
    for each in seen:
        if each.health.state == "down":
            place = each.address or each.scrape.address
            lines.append(f"{each.name} does not answer at {place}: look into its log; {start_advice()}")
        elif each.health.state == "not ready":
            lines.append(f"{each.name} is not ready: {each.health.message}")
    return lines


def start_advice() -> str:
    """Return how processes are started here."""
    return "docker compose up --detach starts them" if is_apart() else "flix up starts them"


def queue_rows(views: Sequence[Mapping[str, Any]], changes: int | None) -> list[tuple[str, ...]]:
    """Return what waits in each process as cells for people, and why nothing is known of one.

    `changes` is where content's feed ends.
    """
    rows: list[tuple[str, ...]] = []
    for each in views:
        name = each["name"]
        rows += [(name, f"requests in flight ({kind})", of) for kind, of in _requests(each["requests"])]
        if each["batchWaiting"] is not None:
            rows.append((name, "submissions waiting", str(each["batchWaiting"])))
        if (use_cases := each["useCases"]) is not None:
            rows.append((name, "use cases", f"{use_cases['inUse']} of {use_cases['limit']}"))
        if (feed := each["feed"]) is not None:
            place = f"{feed['sequence']} of {'?' if changes is None else changes}"
            rows.append((name, "place in content's feed", place))
        if each["metrics"]["message"] and each["state"] != "down":
            rows.append((name, each["metrics"]["message"], ""))
    return rows


def _requests(requests: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(each["kind"], f"{each['inFlight']} of {each['limit']}") for each in requests]


def _get(connection: HTTPConnection, path: str) -> tuple[dict[str, Any], HTTPResponse]:
    connection.request("GET", path)
    response = connection.getresponse()
    body = json.loads(response.read() or b"{}")
    return body if isinstance(body, dict) else {}, response


def _read(name: str, address: str, text: str) -> Scrape:
    # Imported here: it takes 30 ms, and only `flix status` and `flix doctor` read metrics.
    from prometheus_client.parser import text_string_to_metric_families

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


def _taken(address: str | None) -> Scrape:
    return Scrape(address, None, message="it shows no metrics: its port was in use when it started")


def _nobody(found: Scrape) -> Scrape:
    return Scrape(found.address, None, is_silent=True)


def _follower_health(found: Scrape) -> Health:
    """Return the state of the follower, which has no address but that of its metrics."""
    if found.samples is None:
        return Health("down" if found.is_silent else "unknown", None, None, None)
    read_at = _read_at(found.samples)
    if read_at is None:
        # At its start it waits for a change first.
        return Health("starting", "it has not read content's feed yet", None, None)
    if time.time() - read_at > FEED_SECONDS:
        return Health("not ready", f"it last read content's feed at {_instant(read_at)}", None, None)
    return Health("ready", None, None, None)


def _use_cases(name: str, samples: Samples) -> dict[str, int | None] | None:
    # The follower runs one after the other, beside its pool.
    if name == FOLLOWER or "flix_pool_in_use" not in samples:
        return None
    return {
        member: _number(samples, f"flix_pool_{gauge}")
        for member, gauge in (("inUse", "in_use"), ("limit", "limit"), ("threads", "threads"))
    }


def _feed(samples: Samples) -> dict[str, Any] | None:
    sequence, read_at = _number(samples, "flix_feed_sequence"), _read_at(samples)
    if sequence is None:
        return None
    return {"sequence": sequence, "readAt": None if read_at is None else _instant(read_at)}


def _read_at(samples: Samples) -> float | None:
    return samples.get("flix_feed_last_read_timestamp_seconds", {}).get("")


def _number(samples: Samples, name: str) -> int | None:
    value = samples.get(name, {}).get("")
    return None if value is None else int(value)


def _instant(seconds: float) -> str:
    return format_instant(datetime.fromtimestamp(seconds, UTC))
