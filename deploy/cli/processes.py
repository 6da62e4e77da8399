"""The processes of an installation: what each says of itself at its health addresses and in its metrics."""

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from deploy.cli.fetch import NO_RESPONSE, RESPONSE_SECONDS, Response, fetch
from deploy.cli.scrapes import Scrape, feed_read_at, scrape
from deploy.folder_lock import names_without_metrics
from deploy.folders import DATA
from deploy.stack import PROCESSES, SERVICES, reachable
from deploy.tools_container import is_tools_container
from services.kit.core.config import PORTS, Environment
from services.kit.core.instants import format_instant, now

# The follower reads content's feed every few seconds; docker-compose.yml has the same bound.
FEED_AGE = timedelta(seconds=30)
FOLLOWER = "follow-quiz"


class Health(NamedTuple):
    """What a process says of itself: `ready`, `not ready`, or `down` without an answer."""

    state: str
    message: str | None
    version: str | None
    date: str | None


class Seen(NamedTuple):
    """A process as it was found; the follower has no address."""

    name: str
    address: str | None
    health: Health
    scrape: Scrape


def processes_now() -> list[Seen]:
    """Ask every process, all at once: one that hangs takes its time only once."""
    served = addresses()
    shown = metrics_addresses(served)
    with ThreadPoolExecutor(len(served) + len(shown)) as pool:
        asked = {name: pool.submit(health_of, address) for name, address in served.items()}
        scraped = {name: pool.submit(scrape, name, address) for name, address in shown.items()}
    healths = {name: each.result() for name, each in asked.items()}
    scrapes = {name: each.result() for name, each in scraped.items()}
    if not is_tools_container():
        scrapes |= _not_of_another_installation(healths, shown)
    healths[FOLLOWER] = _follower_health(scrapes[FOLLOWER])
    return [Seen(name, served.get(name), healths[name], scrapes[name]) for name in shown]


def _not_of_another_installation(healths: Mapping[str, Health], shown: Mapping[str, str | None]) -> dict[str, Scrape]:
    """Return what replaces the scrapes of another installation here, since metrics have the same ports by default."""
    message = "it shows no metrics: its port was in use when it started"
    noted = names_without_metrics(DATA)
    without = {name: Scrape(address, None, message=message) for name, address in shown.items() if name in noted}
    down = [name for name, health in healths.items() if health.state == "down"]
    if len(down) == len(healths):
        down.append(FOLLOWER)
    return without | {name: Scrape(shown[name], None, is_silent=True) for name in down}


def addresses() -> dict[str, str]:
    """Return the URL of every process that serves."""
    environment = Environment(os.environ)
    services = {name: environment.address(name) for name in SERVICES}
    host, port = environment.option("API_HOST", "127.0.0.1"), environment.option("API_PORT", str(PORTS["gateway"]))
    return {**services, "gateway": environment.option("GATEWAY_URL", f"http://{reachable(host)}:{port}")}


def metrics_addresses(served: Mapping[str, str]) -> dict[str, str | None]:
    """Return where every process shows its metrics, None where METRICS_PORT is 0, given where each serves."""
    environment = Environment(os.environ)
    bound = reachable(environment.option("METRICS_HOST", "127.0.0.1"))
    found: dict[str, str | None] = {}
    for name in PROCESSES:
        port = environment.metrics_port(name)
        host = (urlsplit(served[name]).hostname if name in served else name) if is_tools_container() else bound
        found[name] = f"http://{host}:{port}/metrics" if port else None
    return found


def health_of(address: str) -> Health:
    """Ask a process whether it is ready."""
    try:
        found = fetch(f"{address}/health")
        version = _members(found).get("version")
    except NO_RESPONSE:
        return Health("down", None, None, None)
    try:
        ready = fetch(f"{address}/health/ready")
        state, message = "ready" if ready.is_ok else "not ready", _members(ready).get("message")
    except NO_RESPONSE:
        # As the gateway while a service hangs.
        state, message = "not ready", f"it does not say so within {RESPONSE_SECONDS} s"
    return Health(state, message, None if version is None else str(version), found.date)


def process_problems(seen: Sequence[Seen]) -> list[str]:
    """Return a line for each process that is down or not ready, one where nothing runs."""
    advice = "docker compose up --detach starts them" if is_tools_container() else "flix up starts them"
    if all(each.health.state == "down" for each in seen):
        return [f"no process answers: {advice}"]
    lines = []
    for each in seen:
        if each.health.state == "down":
            place = each.address or each.scrape.address
            lines.append(f"{each.name} does not answer at {place}: look into its log; {advice}")
        elif each.health.state == "not ready":
            lines.append(f"{each.name} is not ready: {each.health.message}")
    return lines


def _members(response: Response) -> dict[str, Any]:
    """Return the members of a JSON document. Raise ValueError."""
    document = json.loads(response.body or b"{}")
    return document if isinstance(document, dict) else {}


def _follower_health(found: Scrape) -> Health:
    """Return the state of the follower, which has no address but that of its metrics."""
    if found.samples is None:
        return Health("down" if found.is_silent else "unknown", None, None, None)
    read_at = feed_read_at(found.samples)
    if read_at is None:
        return Health("starting", "it has not read content's feed yet", None, None)
    if now() - read_at > FEED_AGE:
        return Health("not ready", f"it last read content's feed at {format_instant(read_at)}", None, None)
    return Health("ready", None, None, None)
