"""Answers kept for invitations that are sent again, without the passwords."""

from peewee import IntegerField, Model, TextField

from services.kit.database import InstantField


def migrate(migrator, database, *, fake=False):
    @migrator.create_model
    class IdempotentAnswerRow(Model):
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


def rollback(migrator, database, *, fake=False):
    migrator.remove_model("idempotent_answers")
