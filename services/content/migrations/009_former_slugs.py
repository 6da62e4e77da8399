"""The normal forms of slugs that events and lessons had before. A rollback keeps them for the next time."""

from peewee import ForeignKeyField, Model, TextField


def migrate(migrator, database, *, fake=False):
    events, lessons = migrator.orm["events"], migrator.orm["lessons"]

    @migrator.create_model
    class FormerEventSlugRow(Model):
        id = TextField(primary_key=True)
        event = ForeignKeyField(events, on_delete="CASCADE")
        slug_form = TextField(unique=True)

        class Meta:
            table_name = "former_event_slugs"
            legacy_table_names = False

    @migrator.create_model
    class FormerLessonSlugRow(Model):
        id = TextField(primary_key=True)
        event = ForeignKeyField(events, on_delete="CASCADE", index=False)
        lesson = ForeignKeyField(lessons, on_delete="CASCADE")
        slug_form = TextField()

        class Meta:
            table_name = "former_lesson_slugs"
            legacy_table_names = False
            indexes = ((("event", "slug_form"), True),)


def rollback(migrator, database, *, fake=False):
    migrator.remove_model("former_lesson_slugs")
    migrator.remove_model("former_event_slugs")
