"""Admins, their sessions, and the keys that sign their tokens."""

from peewee import Check, ForeignKeyField, Model, TextField

from services.kit.database import InstantField


def migrate(migrator, database, *, fake=False):
    @migrator.create_model
    class AdminRow(Model):
        id = TextField(primary_key=True)
        username = TextField(unique=True)
        password_hash = TextField()
        created_at = InstantField()
        updated_at = InstantField()

        class Meta:
            table_name = "admins"
            legacy_table_names = False
            constraints = (Check("username <> ''", name="admins_username_not_empty"),)

    @migrator.create_model
    class SessionRow(Model):
        id = TextField(primary_key=True)
        admin = ForeignKeyField(AdminRow, on_delete="CASCADE")
        created_at = InstantField()
        expires_at = InstantField(index=True)
        ended_at = InstantField(null=True)

        class Meta:
            table_name = "sessions"
            legacy_table_names = False
            constraints = (Check("expires_at > created_at", name="sessions_window"),)

    @migrator.create_model
    class SigningKeyRow(Model):
        id = TextField(primary_key=True)
        private_key = TextField()
        public_key = TextField()
        created_at = InstantField()
        retired_at = InstantField(null=True)

        class Meta:
            table_name = "signing_keys"
            legacy_table_names = False


def rollback(migrator, database, *, fake=False):
    migrator.remove_model("signing_keys")
    migrator.remove_model("sessions")
    migrator.remove_model("admins")
