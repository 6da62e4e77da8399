"""Versions of records, the change feed with its readers, and answers kept for repeated requests."""

from peewee import SQL, BigIntegerField, Check, IntegerField, Model, TextField

from services.kit.database import InstantField


def migrate(migrator, database, *, fake=False):
    for table in ("events", "lessons"):
        # The default is the database's, too, since code of the release before goes on inserting meanwhile.
        migrator.add_fields(table, version=IntegerField(default=1, constraints=[SQL("DEFAULT 1")]))

    @migrator.create_model
    class ChangeRow(Model):
        sequence = BigIntegerField(primary_key=True)
        kind = TextField()
        action = TextField()
        event_id = TextField()
        lesson_id = TextField(null=True)
        material_id = TextField(null=True)
        version = IntegerField()
        occurred_at = InstantField(index=True)

        class Meta:
            table_name = "changes"
            legacy_table_names = False
            constraints = (
                Check("kind IN ('event', 'lesson', 'material')", name="changes_kind"),
                Check("action IN ('created', 'changed', 'deleted')", name="changes_action"),
            )

    @migrator.create_model
    class ChangeFeedRow(Model):
        id = IntegerField(primary_key=True)
        feed_id = TextField()
        last_sequence = BigIntegerField()
        pruned_through = BigIntegerField()

        class Meta:
            table_name = "change_feed"
            legacy_table_names = False
            constraints = (
                Check("id = 1", name="change_feed_one_row"),
                Check("pruned_through BETWEEN 0 AND last_sequence", name="change_feed_pruned_through"),
            )

    @migrator.create_model
    class FeedReaderRow(Model):
        name = TextField(primary_key=True)
        position = BigIntegerField()
        seen_at = InstantField()

        class Meta:
            table_name = "feed_readers"
            legacy_table_names = False

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
    for table in ("idempotent_answers", "feed_readers", "change_feed", "changes"):
        migrator.remove_model(table)
    for table in ("lessons", "events"):
        migrator.remove_fields(table, "version")
