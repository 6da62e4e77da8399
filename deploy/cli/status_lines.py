"""The document of `flix status` as lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.cli.answer import columns, readable_size
from deploy.tools_container import is_tools_container


def status_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the members of `flix status` as lines for people."""
    feed, disk, latest = found["feed"], found["disk"], found["latestBackup"]
    processes = [
        (each["name"], each["state"], each["version"] or "-", _workers(each["workers"]), each["address"] or "-")
        for each in found["processes"]
    ]
    databases: list[tuple[str, ...]] = [
        (each["service"], each["schema"], each["migration"] or "none", readable_size(each["bytes"] or 0))
        for each in found["databases"]
    ]
    queues = _queue_rows(found["processes"], feed["changes"]) or [("nothing runs here",)]
    for name, rows in (("processes", processes), ("queues", queues), ("databases", databases)):
        yield f"{name}:"
        yield from (f"  {line}" for line in columns(rows))
    followed = f"last moved at {feed['followedAt']}" if feed["followedAt"] else "it has followed none yet"
    lag = "unknown" if feed["lag"] is None else f"quiz has {feed['lag']} changes of content to follow; {followed}"
    yield f"feed: {lag}"
    none = "not seen from here (docker compose ps backups)" if is_tools_container() else "none seen here (flix backup)"
    yield f"backup: {latest['file']}, {latest['at']}" if latest else f"backup: {none}"
    free, total = readable_size(disk["freeBytes"]), readable_size(disk["totalBytes"])
    yield f"disk: {free} free of {total} ({disk['path']})"
    yield f"version: {found['version']}, Python {found['python']}"


def _workers(number: int | None) -> str:
    return "-" if number is None else f"{number} worker" if number == 1 else f"{number} workers"


def _queue_rows(views: Sequence[Mapping[str, Any]], changes: int | None) -> list[tuple[str, ...]]:
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
