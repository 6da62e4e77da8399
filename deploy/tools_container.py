"""The tools container of docker-compose.yml: `.env`, the processes and their folders are elsewhere."""

import os
from pathlib import Path

from services.kit.core.failures import CommandFailed


def is_tools_container() -> bool:
    """Return whether this process runs in it."""
    # No other process is given the gateway's address.
    return bool(os.environ.get("GATEWAY_URL"))


def require_place(command: str, place: Path | None = None) -> None:
    """Raise CommandFailed in it, unless the place is mounted there; name the command to call instead."""
    if is_tools_container() and not (place and place.exists()):
        raise CommandFailed(f"not in this container, which has none of the machine's files: call {command} there")
