"""The database engines that can be backed up."""

from collections.abc import Mapping

from deploy.engines import postgresql, sqlite
from deploy.engines.common import Engine

ENGINES: Mapping[str, Engine] = {engine.NAME: engine for engine in (sqlite, postgresql)}


def engine_of(url: str) -> Engine:
    """Return the engine of a database URL that the settings have accepted."""
    return sqlite if url.startswith("sqlite:") else postgresql
