"""Auth's tables. A model is not bound to a database: the repository says where each query runs."""

import peewee
from peewee import Check, ForeignKeyField, TextField

from services.kit.database import InstantField


class AdminRow(peewee.Model):
    """An admin; the columns are the fields of entities.Admin, in their order."""

    id = TextField(primary_key=True)
    username = TextField(unique=True)
    password_hash = TextField()
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        table_name = "admins"
        legacy_table_names = False
        constraints = (Check("username <> ''", name="admins_username_not_empty"),)


class SessionRow(peewee.Model):
    """A session; the columns are the fields of entities.Session, in their order."""

    id = TextField(primary_key=True)
    admin = ForeignKeyField(AdminRow, on_delete="CASCADE")
    created_at = InstantField()
    expires_at = InstantField(index=True)
    ended_at = InstantField(null=True)

    class Meta:
        table_name = "sessions"
        legacy_table_names = False
        constraints = (Check("expires_at > created_at", name="sessions_window"),)


class SigningKeyRow(peewee.Model):
    """A signing key; the columns are the fields of entities.SigningKey, in their order."""

    id = TextField(primary_key=True)
    private_key = TextField()
    public_key = TextField()
    created_at = InstantField()
    retired_at = InstantField(null=True)

    class Meta:
        table_name = "signing_keys"
        legacy_table_names = False


TABLES = (AdminRow, SessionRow, SigningKeyRow)
