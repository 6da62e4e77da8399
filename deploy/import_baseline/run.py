"""The whole import: check the rows of every service, print one report, then move service by service."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import peewee

from deploy.import_baseline.import_pass import Importer, ImportPass
from deploy.import_baseline.old_file import BaselineError, OldFile
from deploy.import_baseline.report import Change, Finding, Tally, moved_line, table_lines
from services.kit.maintenance.progress import Meter
from services.kit.storage.database import is_postgresql, transaction
from services.kit.storage.seed_mark import mark_seeded

ADVICE = (
    "nothing was moved: correct the rows that cannot be moved in a copy of the old file, or leave them out with "
    "--skip-invalid; rows whose id or name is taken here can only move into an empty installation"
)


@dataclass(frozen=True)
class Part:
    """A service that takes part, and its database."""

    name: str
    importer: Importer
    database: peewee.Database


def run_import(
    old: OldFile, parts: Sequence[Part], say: Callable[[str], None], *, skip_invalid: bool, dry_run: bool
) -> Sequence[Tally]:
    """Move the rows and return the numbers of the check before; `say` gets the lines of the report.

    Raise BaselineError with ADVICE when there are invalid rows that may not be skipped, and when a row has become
    invalid between the check and the move.
    """
    tallies = [tally for part in parts for tally in _run_pass(old, part, lambda each: say(str(each)), writes=False)]
    for line in table_lines(tallies):
        say(line)
    if not skip_invalid and any(tally.invalid for tally in tallies):
        raise BaselineError(ADVICE)
    for part in () if dry_run else parts:
        # The check has reported the rows that are skipped.
        report = (lambda _finding: None) if skip_invalid else _stop
        say(moved_line(part.name, _run_pass(old, part, report, writes=True)))
    return tallies


def _run_pass(old: OldFile, part: Part, report: Callable[[Finding | Change], None], *, writes: bool) -> Sequence[Tally]:
    with Meter("") as meter:
        one_pass = ImportPass(old, part.importer.tables, report, meter.advance, writes=writes)
        found = sum(tally.found for tally in one_pass.tallies.values())
        meter.begin(f"{'moving' if writes else 'checking'} {part.name}", found)
        with _long_transaction(part.database) if writes else nullcontext():
            part.importer.run(part.database, one_pass)
            if writes:
                # What is imported is an installation in use, even where a service gets no row of it.
                mark_seeded(part.database)
    return list(one_pass.tallies.values())


@contextmanager
def _long_transaction(database: peewee.Database) -> Iterator[None]:
    with transaction(database):
        if is_postgresql(database):
            # Reading the old file between two batches may take longer.
            database.execute_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def _stop(finding: Finding | Change) -> None:
    raise BaselineError(f"{finding}, which it did not when it was checked: run the import again")
