"""Back up at an interval and keep the newest files: `python -m deploy.backup_schedule`, or one turn with `--once`.

Each backup is read and verified before an older one is removed, so that a failure never costs the last good one. A file
says until when the container is healthy: until the next backup is overdue, and not after one that failed.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from logging.config import dictConfig
from pathlib import Path
from typing import NoReturn

import peewee

from deploy.archive import open_archive
from deploy.backup import make_backup
from deploy.engines.common import BackupError
from deploy.folders import BACKUPS
from deploy.signals import on_end
from services.kit.core.config import Environment, SettingsError
from services.kit.core.failures import CommandFailed
from services.kit.core.logging import log, logging_configuration

# Read by the health check of docker-compose.yml.
HEALTHY_UNTIL = Path("/tmp/healthy-until")  # noqa: S108 of a container of its own
# For the backup itself, and for the retries after a failure.
GRACE_SECONDS = 3600.0
RETRY_SECONDS = 900.0
LONGEST_SLEEP_SECONDS = 60.0
# Neither the copies that a restore makes first, nor other files.
PATTERN = "flix-[0-9]*.tar"
FAILURES = (CommandFailed, OSError, peewee.PeeweeException)


@dataclass(frozen=True)
class Schedule:
    """How often a backup is made, in seconds, and how many files are kept."""

    every_seconds: float
    keep: int


def main() -> int:
    """Return 0 after a signal or a good turn, 1 after a failed one or with bad settings."""
    parser = argparse.ArgumentParser(prog="python -m deploy.backup_schedule", description="Back up at an interval.")
    parser.add_argument("--to", type=Path, default=BACKUPS, metavar="FOLDER", help="the folder of the files")
    parser.add_argument("--once", action="store_true", help="make one backup, remove the oldest, and end")
    options = parser.parse_args()
    os.umask(0o077)
    on_end(signal.default_int_handler)
    try:
        schedule = read_schedule(os.environ)
        dictConfig(logging_configuration("backups", os.environ.get("LOG_LEVEL") or "info"))
        if options.once:
            return 0 if turn(options.to, schedule.keep) else 1
        _repeat(options.to, schedule)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0


def read_schedule(variables: Mapping[str, str]) -> Schedule:
    """Return the schedule that the variables set. Raise SettingsError."""
    environment = Environment(variables)
    schedule = Schedule(
        every_seconds=environment.integer("BACKUP_EVERY_HOURS", 24, maximum=8760) * 3600.0,
        keep=environment.integer("BACKUP_KEEP", 14, maximum=10_000),
    )
    environment.raise_problems()
    return schedule


def _back_up(folder: Path) -> Path:
    return make_backup(folder).file


def turn(folder: Path, keep: int, make: Callable[[Path], Path] = _back_up) -> bool:
    """Make a backup, verify it and remove the oldest ones; log what was done. Return whether it is good."""
    started_at = time.monotonic()
    try:
        file = make(folder)
        _verify(file)
        size = file.stat().st_size
        removed = remove_oldest(folder, keep, file)
    except FAILURES as error:
        log.error("backup_failed", reason=str(error))
        return False
    seconds = round(time.monotonic() - started_at, 1)
    log.info("backup_made", file=file.name, bytes=size, seconds=seconds, removed=removed)
    return True


def _verify(file: Path) -> None:
    """Read the new file; remove it and raise BackupError when nothing could be restored from it."""
    try:
        with open_archive(file):
            pass
    except BackupError:
        file.unlink()
        raise


def remove_oldest(folder: Path, keep: int, newest: Path) -> list[str]:
    """Remove the files beyond the number to keep, by their names, but never `newest`; return their names."""
    older = sorted(file for file in folder.glob(PATTERN) if file.name != newest.name)
    surplus = older[: max(0, len(older) - keep + 1)]
    for file in surplus:
        # Another turn at the same time may have removed it.
        file.unlink(missing_ok=True)
    return [file.name for file in surplus]


def due_at(folder: Path, every_seconds: float, now: float) -> float:
    """Return when the next backup is due, in seconds since 1970: at once where there is none."""
    times = [file.stat().st_mtime for file in folder.glob(PATTERN)]
    # A file of the future, from a clock that was wrong, puts off nothing.
    return min(max(times), now) + every_seconds if times else now


def _repeat(folder: Path, schedule: Schedule) -> NoReturn:
    due = due_at(folder, schedule.every_seconds, time.time())
    while True:
        _set_healthy_until(due + GRACE_SECONDS)
        _wait_until(due)
        while not turn(folder, schedule.keep):
            _set_healthy_until(0)
            _wait_until(time.time() + min(RETRY_SECONDS, schedule.every_seconds))
        due = time.time() + schedule.every_seconds


def _wait_until(instant: float) -> None:
    """Sleep in short pieces, since the clock may be set, or the machine suspended, meanwhile."""
    while (seconds := instant - time.time()) > 0:
        time.sleep(min(seconds, LONGEST_SLEEP_SECONDS))


def _set_healthy_until(instant: float) -> None:
    HEALTHY_UNTIL.write_text(str(instant))


if __name__ == "__main__":
    sys.exit(main())
