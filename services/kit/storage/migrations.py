"""Migrations: peewee-migrate's Router behind a lock, with a ledger of what was applied.

The Router misses an edited, a deleted and a late file, two of them at once apply a migration twice, and on SQLite its
table rebuilds delete child rows (docs/traps.md, 1 to 3). Here one process migrates at a time, foreign keys are switched
off meanwhile and checked before the commit, and the ledger has the SHA-256 of every applied file.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import peewee
from peewee_migrate import Router
from peewee_migrate.models import MigrateHistory
from peewee_migrate.router import void

from services.kit.core.instants import now
from services.kit.core.logging import safe_message
from services.kit.storage.batches import Table
from services.kit.storage.database import InstantField, file_is_absent
from services.kit.storage.database_errors import is_lock_timeout
from services.kit.storage.migrator_lock import ROUTER_LOCK, connected, migration_transaction, sole_migrator
from services.kit.storage.rollbacks import Losses, losses_of, note_rollback, put_back
from services.kit.storage.schema import Schema, differences, model_schema

# Models and files are compared as PostgreSQL would store them: SQLite has one type for BIGINT, BOOLEAN and INTEGER.
_DIALECT = peewee.PostgresqlDatabase(None)
# It would log, with a traceback, the same problems that are returned or raised here.
logging.getLogger("peewee_migrate").setLevel(logging.CRITICAL)


class MigrationError(Exception):
    """Base of the errors of migrations; the text is one line with the problem and the command to run."""


class SchemaBehind(MigrationError):
    """The code has migrations that the database does not have."""


class SchemaDrifted(MigrationError):
    """The files differ from those that made the database."""


class SchemaNewer(MigrationError):
    """The database has migrations that follow all those of the code."""


class MigrationFailed(MigrationError):
    """A migration failed and was rolled back."""


class RollbackRefused(MigrationError):
    """A rollback would lose rows or values; nothing was changed."""

    def __init__(self, message: str, losses: Losses):
        super().__init__(message)
        self.losses = losses


@dataclass(frozen=True)
class MigrationStatus:
    """A migration that is a file, in the ledger, or both."""

    name: str
    applied: bool
    applied_at: datetime | None


class SchemaLedger(peewee.Model):
    """The applied migrations, each recorded in its own transaction."""

    name = peewee.TextField(primary_key=True)
    checksum = peewee.TextField()
    applied_at = InstantField()

    class Meta:
        table_name = "schema_ledger"


@dataclass(frozen=True)
class Migrations:
    """The migrations of one service. Every method closes a connection that it has opened.

    Never call `up`, `down` or `check` in a process that serves, because the Router replaces parts of Peewee;
    `status` and `require_current` only read.
    """

    service: str
    directory: Path
    tables: tuple[type[peewee.Model], ...]

    def up(self, database: peewee.Database) -> list[str]:
        """Apply the missing migrations, each in its own transaction, and return the names of those applied here.

        Other migrators that are running take turns with this one. Raise SchemaDrifted or SchemaNewer before any change,
        and MigrationFailed for a migration that fails: it is rolled back, and those before it stay.
        """
        applied = []
        while name := self._apply_next(database):
            applied.append(name)
        return applied

    def down(self, database: peewee.Database, *, accept_losses: bool = False) -> str | None:
        """Roll back the latest migration and return its name, or None when there is none. Raise as `up` does.

        Raise RollbackRefused, which names what would go, unless nothing is lost or `accept_losses`.
        """
        with sole_migrator(database):
            self._refuse_drift(database)
            latest = max(_ledger(database), default=None)
            if latest is not None:
                self._run(self._router(database), database, latest, "rollback", accept_losses=accept_losses)
            return latest

    def status(self, database: peewee.Database) -> list[MigrationStatus]:
        """Return every migration in order, without creating a table or a file."""
        with connected(database):
            ledger = _ledger(database)
        return [
            MigrationStatus(name, name in ledger, ledger[name].applied_at if name in ledger else None)
            for name in sorted({*self._files(), *ledger})
        ]

    def check(self, database: peewee.Database) -> list[str]:
        """Return the problems of files, ledger and models, one line for each."""
        with ROUTER_LOCK, connected(database):
            return [*map(str, self._problems(database)), *self._model_differences(database)]

    def require_current(self, database: peewee.Database) -> None:
        """Raise MigrationError when the code must not serve from this database."""
        with connected(database):
            for problem in self._problems(database):
                raise problem

    def _apply_next(self, database: peewee.Database) -> str | None:
        """Apply the first migration that is missing and return its name, or None when there is none."""
        with sole_migrator(database):
            self._refuse_drift(database)
            ledger = _ledger(database)
            missing = next((name for name in self._files() if name not in ledger), None)
            if missing is not None:
                self._run(self._router(database), database, missing, "migrate")
            return missing

    def _refuse_drift(self, database: peewee.Database) -> None:
        for problem in self._problems(database):
            if not isinstance(problem, SchemaBehind):
                raise problem

    def _run(
        self, router: Router, database: peewee.Database, name: str, function: str, *, accept_losses: bool = False
    ) -> None:
        with self._wrapped_errors(name), migration_transaction(database):
            functions = dict(zip(("migrate", "rollback"), router.read(name), strict=True))
            # The Router would run nothing and record the migration.
            if functions[function] is void:
                raise ValueError(f"it has no function {function}")
            peewee.SchemaManager(SchemaLedger, database).create_all()
            losses = self._losses(database, name) if function == "rollback" else Losses()
            if losses.found and not accept_losses:
                raise RollbackRefused(self._refusal(name, losses), losses)
            router.run_one(name, router.migrator, fake=False, downgrade=function == "rollback")
            self._record(name, function).execute(database)
            if losses.found:
                note_rollback(database, name, losses)
            if function == "migrate":
                put_back(database, name)

    def _losses(self, database: peewee.Database, name: str) -> Losses:
        router = self._router(database)
        migrator = router.migrator
        functions = router.read(name)

        def run(function: Any) -> None:
            function(migrator, database, fake=False)
            migrator()

        tables = [table._meta.table_name for table in migrator]
        append_only, surviving = self._tables_with("append_only"), self._tables_with("survives_rollbacks")
        return losses_of(database, tables, append_only, surviving, lambda: run(functions[1]), lambda: run(functions[0]))

    def _tables_with(self, option: str) -> list[str]:
        return [each._meta.table_name for each in self.tables if getattr(each._meta, option, False)]

    def _refusal(self, name: str, losses: Losses) -> str:
        return (
            f"{name} was not rolled back, because that loses {', '.join(map(str, losses.found))}: "
            f"make a backup, then run {self._command('down')} --yes"
        )

    def _record(self, name: str, function: str) -> Any:
        if function == "rollback":
            return SchemaLedger.delete().where(SchemaLedger.name == name)
        return SchemaLedger.insert(name=name, checksum=self._files()[name], applied_at=now())

    @contextmanager
    def _wrapped_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except RollbackRefused:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {safe_message(error)}".split())
            advice = (
                "wait until what uses its table, such as a backup, ends" if is_lock_timeout(error) else "correct it"
            )
            raise MigrationFailed(
                f"{name} failed and changed nothing ({reason}): {advice}, then run {self._command('up')}"
            ) from error

    def _problems(self, database: peewee.Database) -> Iterator[MigrationError]:
        """Yield the problems in the order of the names, so that pending migrations come last."""
        files, ledger, history = self._files(), _ledger(database), _history(database)
        newest, latest = max(files, default=""), max(ledger, default="")
        up, look = self._command("up"), f"then run {self._command('status')}"
        for name in sorted({*files, *ledger, *history}):
            if (name in ledger) != (name in history):
                yield SchemaDrifted(
                    f"{name} is in only one of schema_ledger and migratehistory: restore a backup, {look}"
                )
            elif name in ledger and name not in files and name > newest:
                yield SchemaNewer(
                    f"{name} is applied and this code does not know it: deploy the code that does, "
                    f"or run {self._command('down')} there"
                )
            elif name in ledger and name not in files:
                yield SchemaDrifted(f"{name} is applied but its file is gone: restore it, {look}")
            elif name in ledger and ledger[name].checksum != files[name]:
                yield SchemaDrifted(
                    f"{name} was edited after it was applied: restore it, put the change into a new one, {look}"
                )
            elif name not in ledger and name < latest:
                yield SchemaDrifted(
                    f"{name} is not applied but {latest} is: give it a number after {latest[:3]}, then run {up}"
                )
            elif name not in ledger:
                yield SchemaBehind(f"{name} is not applied: run {up}")

    def _command(self, action: str) -> str:
        return f"python -m services.{self.service} migrate {action}"

    def _model_differences(self, database: peewee.Database) -> Iterator[str]:
        """Yield where the models differ from the tables that the files make; the database's own tables are not read."""
        modelled, migrated = _schemas(self.tables), _schemas(self._migrated_tables(database))
        for table in sorted({*modelled, *migrated}):
            for part, expected, actual in differences(modelled.get(table, {}), migrated.get(table, {})):
                have = f"the models have {expected}, the migrations {actual}"
                if None in (expected, actual):
                    have = f"only the {'migrations' if expected is None else 'models'} have {expected or actual}"
                advice = f"write a migration, then run {self._command('up')}"
                yield f"table {table}: {part.kind} {part.name}: {have}: {advice}"

    def _migrated_tables(self, database: peewee.Database) -> Iterable[Table]:
        """Return the tables that the files make, without running them."""
        router = self._router(database)
        migrator = router.migrator_class(database)
        for name in self._files():
            with self._wrapped_errors(name):
                router.run_one(name, migrator)
        return migrator

    def _router(self, database: peewee.Database) -> Router:
        # Always a new one: it caches what it has read, and its history model is that of the newest Router.
        return Router(database, self.directory)

    def _files(self) -> dict[str, str]:
        files = sorted(self.directory.glob("[0-9][0-9][0-9]_*.py"))
        return {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _ledger(database: peewee.Database) -> dict[str, SchemaLedger]:
    return {row.name: row for row in _rows(database, SchemaLedger)}


def _history(database: peewee.Database) -> set[str]:
    return {row.name for row in _rows(database, MigrateHistory)}


def _rows(database: peewee.Database, table: Any) -> list[Any]:
    if file_is_absent(database) or not database.table_exists(table._meta.table_name):
        return []
    return list(table.select().order_by(table.name).execute(database))


def _schemas(tables: Iterable[Table]) -> dict[str, Schema]:
    return {each._meta.table_name: model_schema(each, _DIALECT) for each in tables}
