"""Auth's tables. A model is not bound to a database: the repository says where each query runs."""

import peewee
from peewee import SQL, Check, ForeignKeyField, IntegerField, TextField

from services.auth.entities import EVER
from services.kit.storage.audit.model import AuditRow
from services.kit.storage.database import InstantField
from services.kit.storage.idempotency import IdempotentAnswerRow


class AdminRow(peewee.Model):
    """An admin; the columns are the fields of entities.Admin, in their order."""

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
    ended_at = InstantField(null=True, index=True)

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
    signs_from = InstantField(default=EVER, constraints=[SQL("DEFAULT 0")])

    class Meta:
        table_name = "signing_keys"
        legacy_table_names = False


class RefreshTokenRow(peewee.Model):
    """A refresh token; the columns are the fields of entities.RefreshToken, in their order."""

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
    """How often somebody has tried to sign in within a window; the id is the SHA-256 of who and from where."""

    id = TextField(primary_key=True)
    attempts = IntegerField()
    window_ends_at = InstantField(index=True)

    class Meta:
        table_name = "sign_in_throttles"
        legacy_table_names = False


TABLES = (AdminRow, SessionRow, SigningKeyRow, RefreshTokenRow, SignInThrottleRow, IdempotentAnswerRow, AuditRow)
