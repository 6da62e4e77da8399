"""The whole import: check the rows of every service, print one report, then move service by service."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import peewee
from tqdm import tqdm

from deploy.import_baseline.import_pass import Importer, ImportPass
from deploy.import_baseline.old_file import BaselineError, OldFile
from deploy.import_baseline.report import Change, Finding, Tally, moved_line, table_lines, write_lines
from services.kit.storage.database import is_postgresql, transaction
from services.kit.storage.seed_mark import mark_seeded

_ADVICE = (
    "nothing was moved: correct the rows that cannot be moved in a copy of the old file, or leave them out with "
    "--skip-invalid (SKIP_INVALID=1); rows whose id or name is taken here can only move into an empty installation"
)


@dataclass(frozen=True)
class Part:
    """A service that takes part, and its database."""

    name: str
    importer: Importer
    database: peewee.Database


def run_import(old: OldFile, parts: Sequence[Part], *, skip_invalid: bool, dry_run: bool) -> bool:
    """Return whether the import went through; it does not when there are invalid rows that may not be skipped.

    Raise BaselineError when a row has become invalid between the check and the move.
    """
    tallies = [tally for part in parts for tally in _run_pass(old, part, write_lines, writes=False)]
    write_lines(*table_lines(tallies))
    if not skip_invalid and any(tally.invalid for tally in tallies):
        sys.stderr.write(f"{_ADVICE}\n")
        return False
    for part in () if dry_run else parts:
        # The check has reported the rows that are skipped.
        report = (lambda _finding: None) if skip_invalid else _stop
        write_lines(moved_line(part.name, _run_pass(old, part, report, writes=True)))
    return True


def _run_pass(old: OldFile, part: Part, report: Callable[[Finding | Change], None], *, writes: bool) -> Sequence[Tally]:
    task = f"{'moving' if writes else 'checking'} {part.name}"
    # The bar is for a person: it is not drawn into a file or a pipe.
    with tqdm(desc=task, unit=" rows", leave=False, disable=None) as bar:
        one_pass = ImportPass(old, part.importer.tables, report, bar.update, writes=writes)
        bar.total = sum(tally.found for tally in one_pass.tallies.values())
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
