"""The table of the audit log and its records."""

from dataclasses import dataclass
from datetime import datetime

import peewee
from peewee import TextField

from services.kit.core.actor import current_actor
from services.kit.core.ids import new_id
from services.kit.core.logging import NO_REQUEST_ID, current_request_id
from services.kit.storage.database import InstantField

AUDIT_TABLE = "audit_log"

# An action, such as event.created, and the id of its subject.
AuditEntry = tuple[str, str]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One entry. It has no actor when a command, the follower, or a person before sign-in caused it."""

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
    """An entry; the columns are the fields of AuditRecord."""

    id = TextField(primary_key=True)
    occurred_at = InstantField()
    actor_id = TextField(null=True)
    actor_name = TextField(null=True)
    actor_role = TextField(null=True)
    address = TextField(null=True)
    request_id = TextField(null=True)
    action = TextField()
    subject_id = TextField(index=True)

    class Meta:
        table_name = AUDIT_TABLE
        legacy_table_names = False
        indexes = ((("occurred_at", "id"), False), (("actor_id", "occurred_at", "id"), False))
        append_only = True


def record_of(action: str, subject_id: str, at: datetime) -> AuditRecord:
    """Return the record of an action of the current actor."""
    actor, request_id = current_actor(), current_request_id()
    return AuditRecord(
        id=new_id(),
        occurred_at=at,
        actor_id=actor.id,
        actor_name=actor.name,
        actor_role=actor.role,
        address=actor.address,
        request_id=None if request_id == NO_REQUEST_ID else request_id,
        action=action,
        subject_id=subject_id,
    )
