"""Rows that break a rule, written past the database's own checks, and the findings of a check."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import peewee

from services.kit.core.findings import Finding
from services.kit.maintenance.check import check
from services.kit.maintenance.examination import Examination, examine
from services.kit.storage.database import delete_all_rows, is_postgresql

Named = tuple[str, str, str]
Rows = dict[str, list[tuple[Any, ...]]]


class NoProgress:
    """Progress that is not reported."""

    def begin(self, stage: str, total: int) -> None:
        """Ignore the stage."""

    def advance(self, rows: int) -> None:
        """Ignore the rows."""


@dataclass(frozen=True)
class Violation:
    """Statements that break a rule, their findings, and the rows (table and id) that a repair deletes as `gone`.

    A repair records its deletions in the tables `tells`, which are not compared.
    """

    statements: Sequence[str]
    findings: Sequence[Named]
    repaired: bool = False
    gone: Sequence[tuple[str, str]] = ()
    tells: Sequence[str] = ()


def execute(database: peewee.Database, *statements: str) -> None:
    """Execute the statements with foreign keys and CHECKs switched off."""
    switches = ("SET session_replication_role = replica", "SET session_replication_role = DEFAULT")
    if not is_postgresql(database):
        switches = (
            "PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1",
            "PRAGMA foreign_keys = 1; PRAGMA ignore_check_constraints = 0",
        )
    for part in (*switches[0].split("; "), *statements, *switches[1].split("; ")):
        database.execute_sql(part)


@contextmanager
def checks_switched_off(database: peewee.Database, constraints: Sequence[tuple[str, str]]) -> Iterator[list[Named]]:
    """Drop these CHECKs (table, name) of PostgreSQL for the block; give the findings that this causes by itself.

    Afterwards they are added again without validation of the existing rows.
    """
    definitions = [_drop(database, *each) for each in constraints]
    switched_off: list[Named] = []
    yield switched_off
    for (table, name), definition in zip(constraints, definitions, strict=True):
        database.execute_sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition} NOT VALID")
        switched_off.append((table, name, "constraint_not_valid"))


def _drop(database: peewee.Database, table: str, constraint: str) -> str:
    query = f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{constraint}'"
    definition: str = database.execute_sql(query).fetchone()[0]
    database.execute_sql(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    return definition


def found(database: peewee.Database, examination: Examination) -> list[Finding]:
    """Return every finding of the check."""
    return list(examine(database, examination, NoProgress()))


def named(findings: Sequence[Finding]) -> list[Named]:
    """Return table, id and rule of each finding, sorted."""
    return sorted((each.table, each.id, each.rule) for each in findings)


def repair(database: peewee.Database, examination: Examination) -> tuple[int, list[str]]:
    """Repair; return the number of remaining findings and the printed lines."""
    lines: list[str] = []
    return check(database, examination, lines.append, repair=True), lines


def all_rows(database: peewee.Database, tables: Sequence[type[peewee.Model]]) -> Rows:
    """Return all stored rows by table."""
    names = [table._meta.table_name for table in tables]
    return {
        name: sorted(map(tuple, database.execute_sql(f"SELECT * FROM {name}").fetchall()), key=repr) for name in names
    }


def judge(database: peewee.Database, examination: Examination, violation: Violation) -> None:
    """Assert that the check finds exactly this violation and that a repair changes no other row."""
    tables = examination.migrations.tables
    checks = _checks_of(database, violation)
    if checks:
        _judge_checks(database, examination, violation, checks)
        return
    original = all_rows(database, tables)
    assert found(database, examination) == []
    execute(database, *violation.statements)
    broken = all_rows(database, tables)

    assert named(found(database, examination)) == sorted(violation.findings)
    assert all_rows(database, tables) == broken

    remaining, lines = repair(database, examination)
    if not violation.repaired:
        assert remaining == len(violation.findings)
        assert all_rows(database, tables) == broken
        return
    assert remaining == 0
    assert len(lines) == len(violation.findings)
    assert all(": repaired: " in line for line in lines)
    assert found(database, examination) == []
    compared = [table for table in tables if table._meta.table_name not in violation.tells]
    expected = _without(broken, violation.gone)
    assert all_rows(database, compared) == {
        name: rows for name, rows in expected.items() if name not in violation.tells
    }
    assert violation.gone or broken == original


def _checks_of(database: peewee.Database, violation: Violation) -> list[tuple[str, str]]:
    if not is_postgresql(database):
        return []
    query = "SELECT conname FROM pg_constraint WHERE contype = 'c'"
    known = {row[0] for row in database.execute_sql(query).fetchall()}
    return [(table, rule) for table, _, rule in violation.findings if rule in known]


def _judge_checks(
    database: peewee.Database, examination: Examination, violation: Violation, checks: Sequence[tuple[str, str]]
) -> None:
    with checks_switched_off(database, checks) as switched_off:
        execute(database, *violation.statements)
    try:
        assert named(found(database, examination)) == sorted([*violation.findings, *switched_off])
    finally:
        delete_all_rows(database, examination.migrations.tables)
    # Without rows the constraints can be validated.
    remaining, lines = repair(database, examination)
    assert (remaining, len(lines)) == (0, len(checks))


def _without(rows: Rows, gone: Sequence[tuple[str, str]]) -> Rows:
    return {table: [row for row in stored if (table, str(row[0])) not in gone] for table, stored in rows.items()}
