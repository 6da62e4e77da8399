"""What `flix status` shows of each process: its state, and what waits in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from deploy.cli.processes import FOLLOWER, Seen
from deploy.cli.scrapes import Samples, feed_read_at, number
from services.kit.core.instants import format_instant


def process_view(seen: Seen) -> dict[str, Any]:
    """Return a process as --json shows it (docs/operations.md, "Commands")."""
    samples = seen.scrape.samples or {}
    return {
        "name": seen.name,
        "address": seen.address,
        "state": seen.health.state,
        "message": seen.health.message,
        "version": seen.health.version or seen.scrape.version,
        "metrics": {"address": seen.scrape.address, "message": seen.scrape.message},
        "workers": number(samples, "flix_workers"),
        "requests": [
            {"kind": kind, "inFlight": int(count), "limit": int(samples["flix_requests_in_flight_limit"][kind])}
            for kind, count in samples.get("flix_requests_in_flight", {}).items()
            if kind in samples.get("flix_requests_in_flight_limit", {})
        ],
        "batchWaiting": number(samples, "flix_batch_waiting"),
        "useCases": _use_cases(seen.name, samples),
        "feed": _feed(samples),
    }


def queue_rows(views: Sequence[Mapping[str, Any]], changes: int | None) -> list[tuple[str, ...]]:
    """Return what waits in each process as cells for people, and why nothing is known of one.

    `changes` is where content's feed ends.
    """
    rows: list[tuple[str, ...]] = []
    for each in views:
        name = each["name"]
        for requests in each["requests"]:
            in_flight = f"{requests['inFlight']} of {requests['limit']}"
            rows.append((name, f"requests in flight ({requests['kind']})", in_flight))
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


def _use_cases(name: str, samples: Samples) -> dict[str, int | None] | None:
    # The follower runs one after the other, beside its pool.
    if name == FOLLOWER or "flix_pool_in_use" not in samples:
        return None
    return {
        member: number(samples, f"flix_pool_{gauge}")
        for member, gauge in (("inUse", "in_use"), ("limit", "limit"), ("threads", "threads"))
    }


def _feed(samples: Samples) -> dict[str, Any] | None:
    sequence, read_at = number(samples, "flix_feed_sequence"), feed_read_at(samples)
    if sequence is None:
        return None
    return {"sequence": sequence, "readAt": None if read_at is None else format_instant(read_at)}
