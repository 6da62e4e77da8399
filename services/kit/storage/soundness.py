"""Damage: pages of the file overwritten or cut off, a table that is gone. Wrong rows must not be served from it."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

import peewee

from services.kit.core.logging import log, safe_message
from services.kit.storage.database import file_is_absent, is_postgresql, long_running_connection, missing_tables
from services.kit.storage.database_errors import DATABASE_ERRORS, is_damage
from services.kit.storage.migrations import MigrationError, Migrations

# What quick_check says of rows that break their table's rules: the file itself is sound, and each such row is named
# by rows.row_findings.
_OF_ROWS = ("CHECK constraint failed in ", "NULL value in ", "NUMERIC value in ", "TEXT value in ", "non-unique entry ")
_ALL_LINES = 1_000_000_000
# How soon a database that was found damaged is looked at again.
RECHECK_SECONDS = 2.0
# How long a stop waits for the look that goes on; one over a large file ends with the process.
STOP_SECONDS = 5.0


class Guarded(Protocol):
    """What must not go on while the database is damaged."""

    wake: threading.Event

    @property
    def damaged(self) -> bool:
        """Whether it is closed now."""

    def close_for_damage(self, reason: str) -> None:
        """Refuse everything from now on."""

    def reopen(self) -> None:
        """Go on, over new connections."""


class SoundnessWatch:
    """Looks at the database now and every few minutes, in a thread and over a connection of its own."""

    def __init__(
        self,
        database: peewee.Database,
        migrations: Migrations,
        guarded: Guarded,
        interval_seconds: float,
        recheck_seconds: float = RECHECK_SECONDS,
    ):
        self._database = database
        self._migrations = migrations
        self._guarded = guarded
        self._interval = interval_seconds
        self._recheck = recheck_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="soundness", daemon=True)

    def start(self) -> None:
        """Begin; to be called after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further look, and wait for the one that goes on: to close its connection would be a crash."""
        self._stopped.set()
        self._guarded.wake.set()
        self._thread.join(STOP_SECONDS)

    def look(self) -> None:
        """Close what is guarded, or reopen it, by what is found now; leave it as it is when nothing can be learnt."""
        try:
            damage = find_damage(self._database, self._migrations, every_row=self._guarded.damaged)
        except Exception as error:
            log.warning("database_not_looked_at", error=safe_message(error))
            return
        if damage:
            self._guarded.close_for_damage(damage)
        elif self._guarded.damaged:
            self._guarded.reopen()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self.look()
            # A use case that meets damage wakes it; the look that may reopen comes a little later.
            if not self._guarded.damaged and self._guarded.wake.wait(self._interval):
                self._guarded.wake.clear()
            if self._guarded.damaged:
                self._stopped.wait(self._recheck)


def find_damage(database: peewee.Database, migrations: Migrations, *, every_row: bool = False) -> str | None:
    """What is damaged, or None; `every_row` reads each row of PostgreSQL, which has no other way to tell.

    Raises what the database raises when it cannot be asked, since that is no damage.
    """
    if file_is_absent(database):
        return "the file is gone"
    try:
        with long_running_connection(database):
            return next(_damages(database, migrations, every_row=every_row), None)
    except DATABASE_ERRORS as error:
        if is_damage(error):
            return " ".join(safe_message(error).split())
        raise


def quick_check(database: peewee.Database, pragma: str = "quick_check") -> Iterator[str]:
    """What SQLite says of its file, without what it says of single rows."""
    for (line,) in database.execute_sql(f"PRAGMA {pragma}({_ALL_LINES})"):
        if line != "ok" and not line.startswith(_OF_ROWS):
            yield line


def _damages(database: peewee.Database, migrations: Migrations, *, every_row: bool) -> Iterator[str]:
    if not is_postgresql(database):
        yield from quick_check(database)
    # Before the first migration, and between two of them, tables may be missing.
    with suppress(MigrationError):
        migrations.require_current(database)
        yield from (f"the table {name} is missing" for name in missing_tables(database, migrations.tables))
        if every_row and is_postgresql(database):
            for table in migrations.tables:
                table.select(peewee.fn.COUNT(peewee.SQL("t1.*"))).scalar(database)
