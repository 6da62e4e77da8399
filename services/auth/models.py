"""The tables of auth. The models are bound to no database: the repository passes one to each query."""

import peewee
from peewee import SQL, Check, ForeignKeyField, IntegerField, TextField

from services.auth.entities import EVER
from services.kit.storage.audit.model import AuditRow
from services.kit.storage.database import InstantField
from services.kit.storage.idempotency import IdempotentResponseRow


class AdminRow(peewee.Model):
    """An admin; its columns are the fields of entities.Admin, and the normal form of the name.

    The release before 006 leaves `username_key` null.
    """

    id = TextField(primary_key=True)
    username = TextField(unique=True)
    password_hash = TextField()
    created_at = InstantField()
    updated_at = InstantField()
    role = TextField(
        default="owner", constraints=[SQL("DEFAULT 'owner'"), Check("role IN ('owner', 'editor', 'viewer')")]
    )
    disabled_at = InstantField(null=True)
    initial_password_ends_at = InstantField(null=True)
    initial_password_digest = TextField(null=True)
    username_key = TextField(null=True, index=True)

    class Meta:
        table_name = "admins"
        legacy_table_names = False
        indexes = ((("created_at", "id"), False),)
        constraints = (Check("username <> ''", name="admins_username_not_empty"),)


class SessionRow(peewee.Model):
    """A session; its columns are the fields of entities.Session."""

    id = TextField(primary_key=True)
    admin = ForeignKeyField(AdminRow, on_delete="CASCADE")
    created_at = InstantField()
    expires_at = InstantField(index=True)
    ended_at = InstantField(null=True, index=True)

    class Meta:
        table_name = "sessions"
        legacy_table_names = False
        constraints = (Check("expires_at > created_at", name="sessions_window"),)


class SigningKeyRow(peewee.Model):
    """A signing key; its columns are the fields of entities.SigningKey."""

    id = TextField(primary_key=True)
    private_key = TextField()
    public_key = TextField()
    created_at = InstantField()
    retired_at = InstantField(null=True)
    signs_from = InstantField(default=EVER, constraints=[SQL("DEFAULT 0")])

    class Meta:
        table_name = "signing_keys"
        legacy_table_names = False


class RefreshTokenRow(peewee.Model):
    """A refresh token; its columns are the fields of entities.RefreshToken."""

    id = TextField(primary_key=True)
    session = ForeignKeyField(SessionRow, on_delete="CASCADE")
    created_at = InstantField()
    expires_at = InstantField()
    used_at = InstantField(null=True)

    class Meta:
        table_name = "refresh_tokens"
        legacy_table_names = False
        constraints = (Check("expires_at > created_at", name="refresh_tokens_window"),)


class SignInThrottleRow(peewee.Model):
    """A counter of sign-in attempts; its columns are the fields of entities.Throttle."""

    id = TextField(primary_key=True)
    attempts = IntegerField()
    window_ends_at = InstantField(index=True)

    class Meta:
        table_name = "sign_in_throttles"
        legacy_table_names = False


TABLES = (AdminRow, SessionRow, SigningKeyRow, RefreshTokenRow, SignInThrottleRow, IdempotentResponseRow, AuditRow)
