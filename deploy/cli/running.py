"""`flix up`, `flix status` and `flix doctor`."""

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from deploy.cli.answer import Json, answering, columns, readable_size
from deploy.env_file import is_tools_container


def up(json: Json = False) -> None:
    """Migrate, seed demo into a new installation, and serve until Ctrl-C."""
    if is_tools_container():
        from deploy.cli.processes import require_place

        with answering(as_json=json):
            require_place("docker compose up --detach --wait")
        return
    # In the place of this process, which holds Typer and Rich: the other one stays as long as the stack.
    arguments = [sys.executable, "-m", "deploy.run", *(["--json"] if json else [])]
    sys.stdout.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 our own module


def status(json: Json = False) -> None:
    """Show processes, versions, schema, queues, backups and disk."""
    with answering(as_json=json) as answer:
        from deploy.cli.status import status as read_status

        found = read_status()
        answer.problems += found.pop("problems")
        answer.members |= found
        for line in _status_lines(found):
            answer.line(line)


def _status_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the members of `flix status` as lines for people."""
    from deploy.cli.process_views import queue_rows

    feed, disk, latest = found["feed"], found["disk"], found["latestBackup"]
    processes = [
        (each["name"], each["state"], each["version"] or "-", _workers(each["workers"]), each["address"] or "-")
        for each in found["processes"]
    ]
    databases: list[tuple[str, ...]] = [
        (each["service"], each["schema"], each["migration"] or "none", readable_size(each["bytes"] or 0))
        for each in found["databases"]
    ]
    queues = queue_rows(found["processes"], feed["changes"]) or [("nothing runs here",)]
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


def doctor(json: Json = False) -> None:
    """Look for what is wrong, and say what to do about it."""
    with answering(as_json=json, with_env_file=False) as answer:
        from deploy.cli.doctor import diagnoses

        checks = []
        for each in diagnoses():
            checks.append(
                {"check": each.check, "state": each.state, "message": each.message, "advice": each.advice or None}
            )
            advice = f": {each.advice}" if each.advice else ""
            answer.line(f"{each.state:<7}  {each.check:<10}  {each.message}{advice}")
        answer.members["checks"] = checks
        wrong = sum(each["state"] == "problem" for each in checks)
        if wrong:
            answer.problems.append(f"{wrong} of {len(checks)} checks found a problem")
