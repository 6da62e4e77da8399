"""Exactly once: the answer to a request with an Idempotency-Key is kept beside what the request has done.

draft-ietf-httpapi-idempotency-key-header. Answer and effect are of one transaction, so that no crash can part them.
"""

import peewee
from peewee import IntegerField, TextField

from services.kit.database import InstantField


class IdempotentAnswerRow(peewee.Model):
    """An answer to give again; `id` is the SHA-256 of route, caller and key."""

    id = TextField(primary_key=True)
    route = TextField()
    fingerprint = TextField()
    status = IntegerField()
    body = TextField()
    entity_tag = TextField(null=True)
    created_at = InstantField()
    expires_at = InstantField(index=True)

    class Meta:
        table_name = "idempotent_answers"
        legacy_table_names = False
