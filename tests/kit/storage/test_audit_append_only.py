"""services.kit.storage.audit.append_only over quiz's tables: entries stay as they were written, whoever speaks SQL."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import peewee
import pytest

from deploy.stack import ROOT
from services.kit.storage.audit.log import AuditLog
from services.kit.storage.database import is_postgresql, open_database, transaction
from services.quiz.integrity import examination
from services.quiz.migrations import MIGRATIONS
from tests.audit import entries_in
from tests.clock import StoppedClock
from tests.quiz.agreeing import AgreeingContent
from tests.violations import found, named, repair


@pytest.fixture
def own(database: peewee.Database) -> peewee.Database:
    """A migrated database of the test's own, with one entry, on each engine in turn."""
    MIGRATIONS.up(database)
    AuditLog(database, StoppedClock()).append([("quiz.created", "quiz-1")])
    return database


CHANGES = {
    "UPDATE": "UPDATE audit_log SET action = 'quiz.changed'",
    "UPDATE of one row": "UPDATE audit_log SET subject_id = 'quiz-2' WHERE subject_id = 'quiz-1'",
    "UPDATE that changes nothing": "UPDATE audit_log SET id = id",
    "DELETE": "DELETE FROM audit_log",
    "DELETE of one row": "DELETE FROM audit_log WHERE subject_id = 'quiz-1'",
}
COPY = "SELECT id, 0, NULL, NULL, NULL, NULL, NULL, 'quiz.changed', subject_id FROM audit_log"
COLUMNS = "id, occurred_at, actor_id, actor_name, actor_role, address, request_id, action, subject_id"
SQLITE_CHANGES = {
    **CHANGES,
    "REPLACE": f"REPLACE INTO audit_log {COPY}",
    "INSERT OR REPLACE": f"INSERT OR REPLACE INTO audit_log {COPY}",
    "REPLACE of the row's number": (
        f"REPLACE INTO audit_log (rowid, {COLUMNS}) "
        "SELECT rowid, 'other', 0, NULL, NULL, NULL, NULL, NULL, 'quiz.changed', subject_id FROM audit_log"
    ),
    "UPDATE OR REPLACE": "UPDATE OR REPLACE audit_log SET action = 'quiz.changed'",
    "UPSERT": f"INSERT INTO audit_log {COPY} WHERE true ON CONFLICT (id) DO UPDATE SET action = 'quiz.changed'",
}
POSTGRESQL_CHANGES = {
    **CHANGES,
    "TRUNCATE": "TRUNCATE audit_log",
    "TRUNCATE with others": "TRUNCATE tombstones, audit_log CASCADE",
    "UPSERT": f"INSERT INTO audit_log {COPY} ON CONFLICT (id) DO UPDATE SET action = 'quiz.changed'",
    "DELETE that joins": "DELETE FROM audit_log USING tombstones WHERE true",
    "WITH": "WITH gone AS (DELETE FROM audit_log RETURNING id) SELECT * FROM gone",
}


def refusals(database: peewee.Database, statements: dict[str, str]) -> dict[str, str]:
    """What each statement is refused with."""
    refused = {}
    for name, statement in statements.items():
        try:
            with transaction(database):
                database.execute_sql(statement)
        except peewee.DatabaseError as error:
            refused[name] = str(error).partition("\n")[0]
    return refused


def everything(database: peewee.Database) -> list[Any]:
    """The rows as they are stored."""
    return list(database.execute_sql("SELECT * FROM audit_log").fetchall())


def test_sqlite_takes_no_change_of_an_entry_whatever_it_is_called(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    MIGRATIONS.up(database)
    AuditLog(database).append([("quiz.created", "quiz-1")])
    before = everything(database)

    for recursive_triggers in (0, 1):
        database.execute_sql(f"PRAGMA recursive_triggers = {recursive_triggers}")
        refused = refusals(database, SQLITE_CHANGES)
        assert {name: text.rpartition(" ")[0] for name, text in refused.items()} == dict.fromkeys(
            SQLITE_CHANGES, "audit_log takes no"
        )
    assert everything(database) == before
    database.close()


@pytest.fixture
def runtime(postgresql_url: str) -> Iterator[tuple[peewee.Database, peewee.Database]]:
    """A database as deploy/postgresql/ makes it: as the role that owns the schema, which has migrated it, and as the
    one that the service runs as."""
    superuser: Any = open_database(postgresql_url)
    name = urlsplit(postgresql_url).path[1:]
    owner, service = f"{name}_owner", f"{name}_runtime"
    for role in (owner, service):
        superuser.execute_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'a password'")
    superuser.execute_sql(f"ALTER DATABASE {name} OWNER TO {owner}")
    superuser.execute_sql(f"ALTER SCHEMA public OWNER TO {owner}")
    superuser.execute_sql(f"GRANT USAGE ON SCHEMA public TO {service}")
    granted = "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES"
    superuser.execute_sql(f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public {granted} TO {service}")
    parts = urlsplit(postgresql_url)
    urls = [
        parts._replace(netloc=f"{role}:a password@{parts.hostname}:{parts.port}").geturl() for role in (owner, service)
    ]
    databases = [open_database(url.replace(" ", "%20")) for url in urls]
    MIGRATIONS.up(databases[0])
    yield databases[0], databases[1]
    for database in databases:
        database.close()
    for role in (owner, service):
        superuser.execute_sql(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        superuser.execute_sql(f"DROP OWNED BY {role}")
        superuser.execute_sql(f"DROP ROLE {role}")
    superuser.close()


def test_postgresql_takes_no_change_of_an_entry_from_the_service_nor_from_the_owner_nor_from_a_superuser(
    runtime: tuple[peewee.Database, peewee.Database], postgresql_url: str
) -> None:
    owner, service = runtime
    AuditLog(service).append([("quiz.created", "quiz-1")])
    # So that a statement that joins has something to join.
    service.execute_sql("INSERT INTO tombstones VALUES ('event', 'event-1', 0)")
    before = everything(service)

    with closing(open_database(postgresql_url)) as superuser:
        for database in (service, owner, superuser):
            refused = refusals(database, POSTGRESQL_CHANGES)
            # Nobody may empty a table that belongs to another.
            assert {name: text.rpartition(" ")[0] for name, text in refused.items()} == dict.fromkeys(
                POSTGRESQL_CHANGES, "audit_log takes no"
            )
    assert everything(service) == before


def test_the_role_that_the_service_runs_as_cannot_switch_the_triggers_off(
    runtime: tuple[peewee.Database, peewee.Database],
) -> None:
    _owner, service = runtime
    attempts = {
        "disable": "ALTER TABLE audit_log DISABLE TRIGGER USER",
        "drop the triggers": "DROP TRIGGER audit_log_append_only ON audit_log",
        "drop the function": "DROP FUNCTION audit_log_refuse CASCADE",
        "another function": "CREATE OR REPLACE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ x $$",
        "drop the table": "DROP TABLE audit_log",
        "as a replica": "SET session_replication_role = replica",
    }
    assert set(refusals(service, attempts)) == set(attempts)


def test_a_migration_up_or_down_of_the_log_s_indexes_takes_no_entry(own: peewee.Database) -> None:
    before = everything(own)
    assert MIGRATIONS.down(own) == "004_audit_log_indexes"
    assert everything(own) == before
    assert MIGRATIONS.up(own) == ["004_audit_log_indexes"]
    assert everything(own) == before
    assert refusals(own, CHANGES).keys() == CHANGES.keys()


EXAMINATION = examination(AgreeingContent())
BREAKING = {
    "sqlite": {
        "audit_log_no_UPDATE": ["DROP TRIGGER audit_log_no_UPDATE"],
        "audit_log_no_DELETE": [
            "DROP TRIGGER audit_log_no_DELETE",
            "CREATE TRIGGER audit_log_no_DELETE BEFORE DELETE ON audit_log WHEN false BEGIN SELECT 1; END",
        ],
        "audit_log_no_REPLACE": ["DROP TRIGGER audit_log_no_REPLACE"],
    },
    "postgresql": {
        "audit_log_append_only": ["DROP TRIGGER audit_log_append_only ON audit_log"],
        "audit_log_no_truncate": ["ALTER TABLE audit_log DISABLE TRIGGER audit_log_no_truncate"],
    },
}


def test_a_trigger_that_is_missing_altered_or_disabled_is_found_and_made_again(own: peewee.Database) -> None:
    engine, changes = ("postgresql", POSTGRESQL_CHANGES) if is_postgresql(own) else ("sqlite", SQLITE_CHANGES)
    assert found(own, EXAMINATION) == []
    for statements in BREAKING[engine].values():
        for statement in statements:
            own.execute_sql(statement)

    assert named(found(own, EXAMINATION)) == [
        ("audit_log", trigger, "append_only") for trigger in sorted(BREAKING[engine])
    ]
    remaining, lines = repair(own, EXAMINATION)
    message = "rows can be changed or taken away: the trigger that refuses it is missing, altered or disabled"
    assert (remaining, sorted(lines)) == (
        0,
        [f"audit_log {each} append_only: {message}: repaired: made it again" for each in sorted(BREAKING[engine])],
    )
    assert found(own, EXAMINATION) == []
    own.execute_sql("INSERT INTO tombstones VALUES ('event', 'event-1', 0)")
    assert refusals(own, changes).keys() == changes.keys()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP FUNCTION audit_log_refuse CASCADE",
        "CREATE OR REPLACE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN coalesce(NEW, OLD); END $$",
        "ALTER TABLE audit_log ENABLE REPLICA TRIGGER audit_log_append_only, "
        "ENABLE REPLICA TRIGGER audit_log_no_truncate",
    ],
)
def test_postgresql_s_triggers_refuse_again_after_their_function_was_taken_away_or_emptied(
    postgresql_url: str, statement: str
) -> None:
    database = open_database(postgresql_url)
    MIGRATIONS.up(database)
    database.execute_sql(statement)

    both = [("audit_log", name, "append_only") for name in ("audit_log_append_only", "audit_log_no_truncate")]
    assert named(found(database, EXAMINATION)) == both
    assert repair(database, EXAMINATION)[0] == 0
    AuditLog(database).append([("quiz.created", "quiz-1")])
    assert refusals(database, CHANGES).keys() == CHANGES.keys()
    database.close()


def test_who_owns_the_schema_archives_as_the_documents_say(own: peewee.Database) -> None:
    language = "ALTER TABLE" if is_postgresql(own) else "DROP TRIGGER"
    blocks = re.findall(r"```sql\n(.+?)```", (ROOT / "deploy" / "README.md").read_text(), re.DOTALL)
    (block,) = (block for block in blocks if language in block)
    AuditLog(own, StoppedClock(datetime(2025, 12, 31, tzinfo=UTC))).append([("quiz.created", "old")])

    for statement in re.sub(r"--.*", "", block).split(";"):
        if statement.strip():
            own.execute_sql(statement)

    assert entries_in(AuditLog(own)) == [("quiz.created", "quiz-1")]
    assert repair(own, EXAMINATION)[0] == 0
    assert found(own, EXAMINATION) == []
    assert refusals(own, CHANGES).keys() == CHANGES.keys()
