"""The audit log that every service keeps: who did what to which id, when, from where.

A row is of the transaction of what it tells. The table takes no change and no deletion: its triggers refuse both.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

import peewee
import uuid_utils
from peewee import TextField

from services.kit.actor import current_actor
from services.kit.database import InstantField, is_postgresql
from services.kit.instants import Clock, now
from services.kit.observability import current_request_id

AUDIT_TABLE = "audit_log"

_ROWS_IN_ONE_STATEMENT = 500
# Applied migrations have run this text: it may not change any more.
_SQLITE_APPEND_ONLY = (
    "CREATE TRIGGER audit_log_no_{event} BEFORE {event} ON audit_log "
    "BEGIN SELECT RAISE(ABORT, 'audit_log takes no {event}'); END"
)
_POSTGRESQL_APPEND_ONLY = (
    "CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'audit_log takes no %%', TG_OP; END $$",
    "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log "
    "FOR EACH ROW EXECUTE FUNCTION audit_log_refuse()",
    "CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()",
)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One deed: `action` is the kind of what was acted on and what was done to it, such as event.created.

    Without an actor it was a command, the follower, or a person who had not signed in yet.
    """

    id: str
    occurred_at: datetime
    actor_id: str | None
    actor_name: str | None
    actor_role: str | None
    address: str | None
    request_id: str | None
    action: str
    subject_id: str


class AuditRow(peewee.Model):
    """A deed; the columns are the fields of AuditRecord, in their order."""

    id = TextField(primary_key=True)
    occurred_at = InstantField()
    actor_id = TextField(null=True)
    actor_name = TextField(null=True)
    actor_role = TextField(null=True)
    address = TextField(null=True)
    request_id = TextField(null=True)
    action = TextField()
    subject_id = TextField()

    class Meta:
        table_name = AUDIT_TABLE
        legacy_table_names = False
        indexes = ((("occurred_at", "id"), False),)
        append_only = True


class AuditLog:
    """The log in SQLite or PostgreSQL."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self._clock = clock

    def append(self, deeds: Iterable[tuple[str, str]]) -> None:
        """Each an action and the id of what it was done to, as of now, by whoever acts; of the caller's transaction."""
        at = self._clock()
        rows = [asdict(record_of(action, subject_id, at)) for action, subject_id in deeds]
        for start in range(0, len(rows), _ROWS_IN_ONE_STATEMENT):
            AuditRow.insert_many(rows[start : start + _ROWS_IN_ONE_STATEMENT]).execute(self._database)


def record_of(action: str, subject_id: str, at: datetime) -> AuditRecord:
    """What whoever acts now has done."""
    actor, request_id = current_actor(), current_request_id()
    return AuditRecord(
        id=str(uuid_utils.uuid7()),
        occurred_at=at,
        actor_id=actor.id,
        actor_name=actor.name,
        actor_role=actor.role,
        address=actor.address,
        request_id=None if request_id == "-" else request_id,
        action=action,
        subject_id=subject_id,
    )


def append_only(database: peewee.Database) -> tuple[str, ...]:
    """What a migration runs once the table is there: from then on it takes neither change nor deletion."""
    if is_postgresql(database):
        return _POSTGRESQL_APPEND_ONLY
    return tuple(_SQLITE_APPEND_ONLY.format(event=event) for event in ("UPDATE", "DELETE"))


def not_append_only(database: peewee.Database) -> tuple[str, ...]:
    """What is left to run when the table is gone."""
    return ("DROP FUNCTION audit_log_refuse()",) if is_postgresql(database) else ()
