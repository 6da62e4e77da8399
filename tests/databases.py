"""Databases that are migrated once in a session and emptied before each test."""

from collections.abc import Callable

import peewee
import pytest

from services.kit.storage.audit.append_only import append_only
from services.kit.storage.audit.model import AuditRow
from services.kit.storage.database import delete_all_rows, is_postgresql, open_database
from services.kit.storage.migrations import Migrations


class MigratedDatabases:
    """One database of an engine for each service, migrated when a test first needs it."""

    def __init__(self, new_url: Callable[[str], str]):
        self._new_url = new_url
        self._databases: dict[str, peewee.Database] = {}

    def emptied(self, migrations: Migrations) -> peewee.Database:
        """Return the service's database, without rows."""
        if migrations.service not in self._databases:
            database = open_database(self._new_url(migrations.service))
            migrations.up(database)
            self._databases[migrations.service] = database
        database = self._databases[migrations.service]
        delete_all_rows(database, migrations.tables)
        if AuditRow.select().exists(database):
            forget_entries(database)
        return database

    def close(self) -> None:
        """Close the connections to all of them."""
        for database in self._databases.values():
            database.close()


def forget_entries(database: peewee.Database) -> None:
    """Empty the audit log, which only the owner of the schema can do."""
    if is_postgresql(database):
        database.execute_sql("ALTER TABLE audit_log DISABLE TRIGGER USER; DELETE FROM audit_log")
        database.execute_sql("ALTER TABLE audit_log ENABLE TRIGGER USER")
        return
    database.execute_sql("DROP TRIGGER audit_log_no_DELETE")
    database.execute_sql("DELETE FROM audit_log")
    database.execute_sql(append_only(database)[1])


def emptied_database(request: pytest.FixtureRequest, migrations: Migrations) -> peewee.Database:
    """Return a migrated database without rows, on the engine of the fixture's parameter."""
    databases: MigratedDatabases = request.getfixturevalue(f"migrated_{request.param}")
    return databases.emptied(migrations)
