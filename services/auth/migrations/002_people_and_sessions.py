"""Roles, disabled people, refresh tokens, keys that wait to sign, throttled sign-ins, and the audit log."""

from datetime import UTC, datetime

from peewee import SQL, Check, ForeignKeyField, IntegerField, Model, TextField

from services.kit.audit import append_only, not_append_only
from services.kit.database import InstantField

EVER = datetime(1970, 1, 1, tzinfo=UTC)
ROLE = [SQL("DEFAULT 'owner'"), Check("role IN ('owner', 'editor', 'viewer')")]


def migrate(migrator, database, *, fake=False):
    # Whoever was there could do everything, and an admin that the release before adds meanwhile can, too.
    migrator.add_fields(
        "admins", role=TextField(default="owner", constraints=ROLE), disabled_at=InstantField(null=True)
    )
    migrator.add_fields("signing_keys", signs_from=InstantField(default=EVER, constraints=[SQL("DEFAULT 0")]))

    @migrator.create_model
    class RefreshTokenRow(Model):
        id = TextField(primary_key=True)
        session = ForeignKeyField(migrator.orm["sessions"], on_delete="CASCADE")
        created_at = InstantField()
        expires_at = InstantField()
        used_at = InstantField(null=True)

        class Meta:
            table_name = "refresh_tokens"
            legacy_table_names = False
            constraints = (Check("expires_at > created_at", name="refresh_tokens_window"),)

    @migrator.create_model
    class SignInThrottleRow(Model):
        id = TextField(primary_key=True)
        attempts = IntegerField()
        window_ends_at = InstantField(index=True)

        class Meta:
            table_name = "sign_in_throttles"
            legacy_table_names = False

    @migrator.create_model
    class AuditRow(Model):
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
            table_name = "audit_log"
            legacy_table_names = False
            indexes = ((("occurred_at", "id"), False),)

    for statement in append_only(database):
        migrator.sql(statement)


def rollback(migrator, database, *, fake=False):
    migrator.remove_model("audit_log")
    for statement in not_append_only(database):
        migrator.sql(statement)
    migrator.remove_model("sign_in_throttles")
    migrator.remove_model("refresh_tokens")
    migrator.remove_fields("signing_keys", "signs_from")
    migrator.remove_fields("admins", "disabled_at", "role")
