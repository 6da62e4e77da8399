"""The audit log."""

from peewee import Model, TextField

from services.kit.audit import append_only, not_append_only
from services.kit.database import InstantField


def migrate(migrator, database, *, fake=False):
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
