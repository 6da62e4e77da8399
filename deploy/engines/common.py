"""The functions that backup and restore need of every database engine."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from services.kit.core.failures import CommandFailed

# Bytes per read.
CHUNK = 1 << 20
LEDGER = "schema_ledger"

# Called with the amount done since the previous call, and with the total where it is known.
Progress = Callable[[int, int | None], None]


def sync(path: Path) -> None:
    """Write a file's content, or a folder's list of files, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class BackupError(CommandFailed):
    """A backup or a restore cannot be done."""


@dataclass(frozen=True)
class Content:
    """The content of a copy: the applied migrations in their order, and the number of rows of each table."""

    migrations: list[str]
    rows: dict[str, int]


class Engine(Protocol):
    """The modules `sqlite` and `postgresql`. Every function may raise BackupError."""

    @property
    def NAME(self) -> str:  # noqa: N802 a module's constant
        """The name in the manifest."""

    @property
    def UNIT(self) -> str:  # noqa: N802 likewise
        """The unit of progress."""

    def is_empty(self, url: str) -> bool:
        """Return whether there is no database, or one without tables."""

    def needs_stop(self, url: str) -> bool:
        """Return whether a running service would not notice that its database is replaced."""

    def dump(self, url: str, file: Path, progress: Progress) -> Content:
        """Write a copy as of one moment into a new file, while others write to the database."""

    def scratch(self, url: str, source: IO[bytes], progress: Progress) -> AbstractContextManager[str]:
        """Create a database from such a copy beside the one at `url`; yield its URL and drop it afterwards."""

    def replace(self, url: str, scratch_url: str) -> None:
        """Replace the content of the database at `url` by that at `scratch_url`, in one step."""
