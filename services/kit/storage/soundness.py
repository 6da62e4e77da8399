"""The watch for damage of the database, such as overwritten pages or a missing table. No damaged one is served."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

import peewee

from services.kit.core.background import BackgroundCommand, BackgroundFailed
from services.kit.core.logging import log, safe_message
from services.kit.storage.database import (
    file_is_absent,
    file_size,
    is_postgresql,
    long_running_connection,
    missing_tables,
)
from services.kit.storage.database_errors import DATABASE_ERRORS, is_damage
from services.kit.storage.migrations import MigrationError, Migrations
from services.kit.storage.open_files import FilesGone
from services.kit.storage.thread_pool import ThreadPool

# How quick_check's lines about rows that break a rule of their table begin. They are no damage of the file, and the
# check of rows reports each.
_ROW_LINES = (
    "CHECK constraint failed in ",
    "NULL value in ",
    "NUMERIC value in ",
    "TEXT value in ",
    "non-unique entry ",
)
_LINE_LIMIT = 1_000_000_000
# Time between two inspections of a damaged database, and between two looks at the files of a sound one.
RECHECK_SECONDS = 2.0
# A stop waits this long for a running inspection; that of a large file ends with the process.
STOP_SECONDS = 5.0


# A smaller SQLite file is inspected sooner than a process starts.
APART_FROM_BYTES = 16 * 1024 * 1024


class SoundnessWatch:
    """Inspects the database at the start and at an interval, in its own thread and over its own connection.

    While it is served, a large SQLite file is inspected by `apart`, a process at the lowest priority, because
    quick_check keeps a processor and the disk busy.
    """

    def __init__(
        self,
        database: peewee.Database,
        migrations: Migrations,
        pool: ThreadPool,
        interval_seconds: float,
        recheck_seconds: float = RECHECK_SECONDS,
        apart: BackgroundCommand | None = None,
    ):
        self._database = database
        self._migrations = migrations
        self._pool = pool
        self._interval = interval_seconds
        self._recheck = recheck_seconds
        self._apart = apart
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="soundness", daemon=True)

    def start(self) -> None:
        """Start the thread; call it after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no other inspection, and wait for a running one, whose connection cannot be closed safely."""
        self._stopped.set()
        self._pool.wake.set()
        if self._apart is not None:
            self._apart.end()
        self._thread.join(STOP_SECONDS)

    def inspect(self) -> None:
        """Close the pool if there is damage, else reopen it; change nothing when the database cannot be read."""
        damaged_before = self._pool.damaged
        if self._pool.lost_its_log():
            # Connect to nothing: a restore waits until no connection is left.
            return
        try:
            damage = self._find_damage(damaged_before)
        except FilesGone as lost:
            self._pool.close_for_lost_files(lost)
            return
        except Exception as error:
            log.warning("database_not_looked_at", error=safe_message(error))
            return
        if damage:
            self._pool.close_for_damage(damage)
        # Damage that a use case met during this inspection may have come after it.
        elif damaged_before and not self._pool.lost_its_log():
            self._pool.reopen()

    def _find_damage(self, damaged_before: bool) -> str | None:
        if self._apart is not None and not damaged_before and file_size(self._database) >= APART_FROM_BYTES:
            try:
                [line] = self._apart.lines()
                damage: str | None = line["damage"]
                return damage
            except (BackgroundFailed, OSError) as error:
                if self._stopped.is_set() or self._pool.damaged:
                    return None
                log.warning("inspection_failed", error=str(error))
        return find_damage(self._database, self._migrations, every_row=damaged_before)

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self.inspect()
            self._wait()

    def _wait(self) -> None:
        """Wait for the next inspection: the interval, until a use case meets damage, or until the files are gone."""
        due = time.monotonic() + self._interval
        while not self._pool.damaged and (seconds := due - time.monotonic()) > 0:
            if self._pool.wake.wait(min(seconds, self._recheck)):
                self._pool.wake.clear()
                break
            self._pool.close_if_files_are_gone()
        # The inspection that may reopen comes a little later.
        if self._pool.damaged:
            self._stopped.wait(self._recheck)


def find_damage(database: peewee.Database, migrations: Migrations, *, every_row: bool = False) -> str | None:
    """Return a line about the damage, or None; with `every_row` read each row of PostgreSQL, which has no other check.

    Raise the database's error when it cannot be read, because an outage is no damage.
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
    """Yield what SQLite finds wrong with its file, without its lines about single rows."""
    for (line,) in database.execute_sql(f"PRAGMA {pragma}({_LINE_LIMIT})"):
        if line != "ok" and not line.startswith(_ROW_LINES):
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


def check_command(service: str, what: Literal["findings", "damage"], pool: ThreadPool) -> BackgroundCommand:
    """Return the command that checks the service's database, with the settings of the environment.

    It ends when the database is found damaged, because a restore waits until nobody has the file open.
    """
    command = BackgroundCommand(f"services.{service}", "check", "--worker", what)
    pool.at_damage.append(command.end)
    return command
