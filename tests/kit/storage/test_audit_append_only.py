"""services.kit.storage.audit.append_only over quiz's tables: no role can change or delete an entry."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import peewee
import pytest

from deploy.stack import ROOT
from services.kit.maintenance.examination import Examination
from services.kit.storage.audit.log import AuditLog
from services.kit.storage.database import is_postgresql, open_database, transaction
from services.quiz.migrations import MIGRATIONS
from tests.audit import entries_in
from tests.clock import StoppedClock
from tests.violations import found, named, repair

EXAMINATION = Examination(MIGRATIONS, lambda _database, _progress: ())


@pytest.fixture
def audited(database: peewee.Database) -> peewee.Database:
    """Return a migrated database with one entry, which a test may alter."""
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
    refused = {}
    for name, statement in statements.items():
        try:
            with transaction(database):
                database.execute_sql(statement)
        except peewee.DatabaseError as error:
            refused[name] = str(error).partition("\n")[0]
    return refused


def entries(database: peewee.Database) -> list[Any]:
    return list(database.execute_sql("SELECT * FROM audit_log").fetchall())


def test_sqlite_refuses_every_change_of_an_entry(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    MIGRATIONS.up(database)
    AuditLog(database).append([("quiz.created", "quiz-1")])
    before = entries(database)
    for recursive_triggers in (0, 1):
        database.execute_sql(f"PRAGMA recursive_triggers = {recursive_triggers}")
        refused = refusals(database, SQLITE_CHANGES)
        assert {name: text.rpartition(" ")[0] for name, text in refused.items()} == dict.fromkeys(
            SQLITE_CHANGES, "audit_log takes no"
        )
    assert entries(database) == before
    database.close()


@pytest.fixture
def runtime(postgresql_url: str) -> Iterator[tuple[peewee.Database, peewee.Database]]:
    """Return a database as deploy/postgresql/ creates it: as the owner of the schema and as the service's role."""
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


def test_postgresql_refuses_every_change_of_an_entry_to_every_role(
    runtime: tuple[peewee.Database, peewee.Database], postgresql_url: str
) -> None:
    owner, service = runtime
    AuditLog(service).append([("quiz.created", "quiz-1")])
    service.execute_sql("INSERT INTO tombstones VALUES ('event', 'event-1', 0)")
    before = entries(service)
    with closing(open_database(postgresql_url)) as superuser:
        for database in (service, owner, superuser):
            refused = refusals(database, POSTGRESQL_CHANGES)
            assert {name: text.rpartition(" ")[0] for name, text in refused.items()} == dict.fromkeys(
                POSTGRESQL_CHANGES, "audit_log takes no"
            )
    assert entries(service) == before


def test_the_role_of_the_service_cannot_disable_the_triggers(runtime: tuple[peewee.Database, peewee.Database]) -> None:
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


def test_migrating_the_indexes_of_the_log_keeps_the_entries(audited: peewee.Database) -> None:
    before = entries(audited)
    while MIGRATIONS.down(audited) != "004_audit_log_indexes":
        pass
    assert entries(audited) == before
    assert MIGRATIONS.up(audited)[0] == "004_audit_log_indexes"
    assert entries(audited) == before
    assert refusals(audited, CHANGES).keys() == CHANGES.keys()


BOTH = ["audit_log_append_only", "audit_log_no_truncate"]
DAMAGE = [
    (
        "sqlite",
        [
            "DROP TRIGGER audit_log_no_UPDATE",
            "DROP TRIGGER audit_log_no_REPLACE",
            "DROP TRIGGER audit_log_no_DELETE",
            "CREATE TRIGGER audit_log_no_DELETE BEFORE DELETE ON audit_log WHEN false BEGIN SELECT 1; END",
        ],
        ["audit_log_no_DELETE", "audit_log_no_REPLACE", "audit_log_no_UPDATE"],
    ),
    (
        "postgresql",
        [
            "DROP TRIGGER audit_log_append_only ON audit_log",
            "ALTER TABLE audit_log DISABLE TRIGGER audit_log_no_truncate",
        ],
        BOTH,
    ),
    ("postgresql", ["DROP FUNCTION audit_log_refuse CASCADE"], BOTH),
    (
        "postgresql",
        [
            "CREATE OR REPLACE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN coalesce(NEW, OLD); END $$"
        ],
        BOTH,
    ),
    ("postgresql", [f"ALTER TABLE audit_log {', '.join(f'ENABLE REPLICA TRIGGER {each}' for each in BOTH)}"], BOTH),
]


@pytest.mark.parametrize(("engine", "statements", "triggers"), DAMAGE)
def test_a_missing_altered_or_disabled_trigger_is_found_and_repaired(
    request: pytest.FixtureRequest, engine: str, statements: list[str], triggers: list[str]
) -> None:
    with closing(open_database(request.getfixturevalue(f"{engine}_url"))) as database:
        MIGRATIONS.up(database)
        assert found(database, EXAMINATION) == []
        for statement in statements:
            database.execute_sql(statement)
        assert named(found(database, EXAMINATION)) == [("audit_log", trigger, "append_only") for trigger in triggers]
        message = "rows can be changed or deleted: the trigger that refuses it is missing, altered or disabled"
        lines = [f"audit_log {each} append_only: {message}: repaired: recreated it" for each in triggers]
        remaining, printed = repair(database, EXAMINATION)
        assert (remaining, sorted(printed)) == (0, lines)
        assert found(database, EXAMINATION) == []
        AuditLog(database).append([("quiz.created", "quiz-1")])
        database.execute_sql("INSERT INTO tombstones VALUES ('event', 'event-1', 0)")
        changes = POSTGRESQL_CHANGES if engine == "postgresql" else SQLITE_CHANGES
        assert refusals(database, changes).keys() == changes.keys()


def test_the_documented_archiving_by_the_owner_works(audited: peewee.Database) -> None:
    language = "ALTER TABLE" if is_postgresql(audited) else "DROP TRIGGER"
    blocks = re.findall(r"```sql\n(.+?)```", (ROOT / "docs" / "data.md").read_text(), re.DOTALL)
    (block,) = (block for block in blocks if language in block)
    AuditLog(audited, StoppedClock(datetime(2025, 12, 31, tzinfo=UTC))).append([("quiz.created", "old")])
    for statement in re.sub(r"--.*", "", block).split(";"):
        if statement.strip():
            audited.execute_sql(statement)
    assert entries_in(AuditLog(audited)) == [("quiz.created", "quiz-1")]
    assert repair(audited, EXAMINATION)[0] == 0
    assert found(audited, EXAMINATION) == []
    assert refusals(audited, CHANGES).keys() == CHANGES.keys()
