"""The normal forms of slugs, and the order in which events of one instant were stored.

Stored slugs stay as they are. Rolling back loses the order of events that have the same createdAt: SQLite still knows
it when the migration is applied again, PostgreSQL takes the order of their ids.
"""

from peewee import SQL, IntegerField, SqliteDatabase, TextField, fn

from services.kit.core.texts import lower_form, slug_form


def migrate(migrator, database, *, fake=False):
    # Code of the release before goes on inserting meanwhile: without a form, and as the first of its instant.
    migrator.add_fields(
        "events",
        slug_form=TextField(null=True, index=True),
        position=IntegerField(default=0, constraints=[SQL("DEFAULT 0")]),
    )
    migrator.add_fields("lessons", slug_form=TextField(null=True))
    migrator.run(fill, database, migrator.orm["events"], migrator.orm["lessons"])
    migrator.add_index("lessons", "event", "slug_form")
    migrator.add_index("events", "created_at", "position", "id")
    migrator.drop_index("events", "created_at", "id")


def rollback(migrator, database, *, fake=False):
    migrator.add_index("events", "created_at", "id")
    migrator.drop_index("events", "created_at", "position", "id")
    migrator.drop_index("lessons", "event", "slug_form")
    migrator.drop_index("events", "slug_form")
    migrator.remove_fields("lessons", "slug_form")
    migrator.remove_fields("events", "position", "slug_form")


def fill(database, events, lessons):
    for table, form_of in ((events, slug_form), (lessons, lower_form)):
        table.update(slug_form=table.slug).execute(database)
        for row_id, slug in list(table.select(table.id, table.slug).tuples().execute(database)):
            if form_of(slug) != slug:
                table.update(slug_form=form_of(slug) or None).where(table.id == row_id).execute(database)
    stored = SQL("rowid") if isinstance(database, SqliteDatabase) else events.id
    place = fn.ROW_NUMBER().over(partition_by=[events.created_at], order_by=[stored])
    places = list(events.select(events.id, place).tuples().execute(database))
    events.update(position=1).execute(database)
    for row_id, position in places:
        if position > 1:
            events.update(position=position).where(events.id == row_id).execute(database)
