"""The engines of which a backup can be made."""

from collections.abc import Mapping

from deploy.engines import postgresql, sqlite
from deploy.engines.common import Engine

ENGINES: Mapping[str, Engine] = {engine.NAME: engine for engine in (sqlite, postgresql)}


def engine_of(url: str) -> Engine:
    """The engine that such a URL, which the settings have accepted, is for."""
    return sqlite if url.startswith("sqlite:") else postgresql
