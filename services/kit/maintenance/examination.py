"""The complete check of a service's database: the engine's own check, the schema, the rows and the domain's rules."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import peewee

from services.kit.core.findings import NOT_CHECKED, WHOLE_TABLE, Finding, Progress
from services.kit.core.instants import format_instant
from services.kit.core.logging import safe_message
from services.kit.maintenance.rows import BeforeRemoval, row_findings
from services.kit.maintenance.schema import index_rebuild, schema_findings, table_finding
from services.kit.storage.database import file_is_absent, is_postgresql, long_running_connection, missing_tables
from services.kit.storage.database_errors import DATABASE_ERRORS
from services.kit.storage.migrations import MigrationError, Migrations, SchemaDrifted
from services.kit.storage.rollbacks import open_rollbacks
from services.kit.storage.soundness import quick_check

DATABASE = "database"

# Checks a service's rows against its own rules.
Domain = Callable[[peewee.Database, Progress], Iterable[Finding]]


@dataclass(frozen=True)
class Examination:
    """The parts of a service's check: its own rules, and those `between` it and other services or the release before.

    After a repair `tidy` removes expired rows, which break no rule, and returns the lines to print.
    `before_removal` is called in the same transaction before a repair deletes a row.
    """

    migrations: Migrations
    domain: Domain
    between: Domain | None = None
    tidy: Callable[[peewee.Database], Iterable[str]] | None = None
    before_removal: BeforeRemoval | None = None


def examine(
    database: peewee.Database,
    examination: Examination,
    progress: Progress,
    *,
    files: bool = True,
    alone: bool = False,
) -> Iterator[Finding]:
    """Yield each finding at once, so that it may be repaired before the next is requested.

    `files` compares the models with the migration files, which a serving process must not do.
    `alone` leaves out the rules `between`, and what rollbacks have lost: such a database must be restorable.
    """
    if alone:
        examination = replace(examination, between=None)
    migrations = examination.migrations
    if file_is_absent(database):
        yield from _migration_findings(database, migrations, files=files)
        return
    with long_running_connection(database):
        if not is_postgresql(database):
            progress.begin("the database file", 0)
            yield from _guarded("quick_check", _engine_findings(database))
        yield from _guarded("migrations", _migration_findings(database, migrations, files=files))
        if not alone:
            yield from _guarded("rollbacks", _rollback_findings(database, migrations))
        if _has_current_tables(database, migrations):
            yield from _guarded("tables", _table_findings(database, examination, progress))


def _engine_findings(database: peewee.Database) -> Iterator[Finding]:
    for line in quick_check(database, "integrity_check"):
        # "row 3 missing from index X", "wrong # of entries in index X"
        text, separator, index = line.rpartition(" index ")
        if separator and " " not in index:
            yield Finding(DATABASE, index, "index_entries", text + " it", index_rebuild(database, index))
        else:
            yield Finding(DATABASE, WHOLE_TABLE, "quick_check", " ".join(line.split()))


def _migration_findings(database: peewee.Database, migrations: Migrations, *, files: bool) -> Iterator[Finding]:
    problems: Iterable[str]
    if files:
        problems = migrations.check(database)
    else:
        try:
            migrations.require_current(database)
            problems = ()
        except MigrationError as error:
            problems = (str(error),)
    yield from (Finding(DATABASE, WHOLE_TABLE, "migrations", problem) for problem in problems)


def _rollback_findings(database: peewee.Database, migrations: Migrations) -> Iterator[Finding]:
    command = f"python -m services.{migrations.service} migrate"
    for rollback in open_rollbacks(database):
        lost = f" lost {rollback.lost};" if rollback.lost else ""
        since = format_instant(rollback.rolled_back_at)
        if rollback.reapplied_at is None:
            kept = f" {rollback.kept} come back with {command} up" if rollback.kept else f" run {command} up"
            message = f"rolled back on {since}:{lost}{kept}"
        else:
            kept = f" put back {rollback.kept};" if rollback.kept else ""
            until = format_instant(rollback.reapplied_at)
            message = (
                f"rolled back from {since} to {until}:{lost}{kept} look at what was added and changed meanwhile, "
                f"such as people and their roles, then run {command} accept"
            )
        yield Finding(DATABASE, rollback.name, "rolled_back", message)


def _has_current_tables(database: peewee.Database, migrations: Migrations) -> bool:
    try:
        migrations.require_current(database)
    except SchemaDrifted:
        # The tables exist all the same, so check their rows.
        return True
    except (MigrationError, *DATABASE_ERRORS):
        return False
    return True


def _table_findings(database: peewee.Database, examination: Examination, progress: Progress) -> Iterator[Finding]:
    tables = {table._meta.table_name: table for table in examination.migrations.tables}
    missing = missing_tables(database, examination.migrations.tables)
    yield from map(table_finding, missing)
    incomplete = set(missing)
    for name in [name for name in tables if name not in missing]:
        for finding in schema_findings(database, tables[name]):
            if finding.rule == "column_missing":
                incomplete.add(name)
            yield finding
    for name, table in tables.items():
        parents = {field.rel_model._meta.table_name for field in table._meta.refs}
        if incomplete.isdisjoint({name, *parents}):
            yield from _guarded(name, row_findings(database, table, progress, examination.before_removal))
    if incomplete:
        message = f"the rules of the rows need {', '.join(sorted(incomplete))}"
        yield Finding(DATABASE, WHOLE_TABLE, NOT_CHECKED, message)
    else:
        yield from _guarded("domain", examination.domain(database, progress))
        if examination.between is not None:
            yield from _guarded("between services", examination.between(database, progress))


def _guarded(part: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings; when the database fails, end with a finding that says so."""
    try:
        yield from findings
    except DATABASE_ERRORS as error:
        yield Finding(DATABASE, WHOLE_TABLE, NOT_CHECKED, f"{part}: broke off: {' '.join(safe_message(error).split())}")
