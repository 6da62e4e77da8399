"""What the document of `flix status` has of each process: its state, and what waits in it."""

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
