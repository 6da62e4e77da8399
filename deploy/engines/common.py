"""What backup and restore ask of a database engine: the same functions of each."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

# Of the files inside; more would only fill the cache.
CHUNK = 1 << 20
LEDGER = "schema_ledger"

# Called with how much was done since the call before, and with how much it is in all, where that is known.
Progress = Callable[[int, int | None], None]


class BackupError(Exception):
    """A backup or a restore cannot be done; the text is one line that says why and what to do."""


@dataclass(frozen=True)
class Content:
    """What is in a copy: the applied migrations in their order, and how many rows each table has."""

    migrations: list[str]
    rows: dict[str, int]


class Engine(Protocol):
    """The modules `sqlite` and `postgresql`. Every function may raise BackupError."""

    @property
    def NAME(self) -> str:  # noqa: N802 a module's constant
        """As it stands in the manifest."""

    @property
    def UNIT(self) -> str:  # noqa: N802 likewise
        """What is counted while it works."""

    def is_empty(self, url: str) -> bool:
        """Whether there is no database, or one without a table."""

    def needs_stop(self, url: str) -> bool:
        """Whether a process that serves from it now would not see what is put in its place."""

    def dump(self, url: str, file: Path, progress: Progress) -> Content:
        """Write a copy as of one moment into a new file, while others go on writing."""

    def scratch(self, url: str, source: IO[bytes], progress: Progress) -> AbstractContextManager[str]:
        """The URL of a database made of such a copy, beside the one at `url`; gone afterwards."""

    def replace(self, url: str, scratch_url: str) -> None:
        """Let the database at `url` become like the one at `scratch_url`, at one moment or not at all."""
