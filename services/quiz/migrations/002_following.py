"""Versions of quizzes, the place in content's change feed, tombstones, and answers kept for repeated requests."""

from peewee import SQL, BigIntegerField, Check, CompositeKey, IntegerField, Model, TextField

from services.kit.database import InstantField


def migrate(migrator, database, *, fake=False):
    # The default is the database's, too, since code of the release before goes on inserting meanwhile.
    migrator.add_fields("quizzes", version=IntegerField(default=1, constraints=[SQL("DEFAULT 1")]))

    @migrator.create_model
    class FeedPositionRow(Model):
        id = IntegerField(primary_key=True)
        feed_id = TextField()
        position = BigIntegerField()
        followed_at = InstantField()

        class Meta:
            table_name = "feed_position"
            legacy_table_names = False
            constraints = (Check("id = 1", name="feed_position_one_row"),)

    @migrator.create_model
    class TombstoneRow(Model):
        kind = TextField()
        content_id = TextField()
        deleted_at = InstantField()

        class Meta:
            table_name = "tombstones"
            legacy_table_names = False
            primary_key = CompositeKey("kind", "content_id")
            constraints = (Check("kind IN ('event', 'lesson')", name="tombstones_kind"),)

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
    for table in ("idempotent_answers", "tombstones", "feed_position"):
        migrator.remove_model(table)
    migrator.remove_fields("quizzes", "version")
