"""What searches look into, and the orders of lists by title: both a column, filled for the rows there are.

A rollback loses nothing: the column is made of titles and slugs.
"""

from peewee import SQL, TextField

from services.kit.core.texts import search_form


def migrate(migrator, database, *, fake=False):
    # Code of the release before goes on inserting meanwhile: searches do not find these rows until `check --repair`.
    for table in ("events", "lessons"):
        migrator.add_fields(table, search_form=TextField(default="", constraints=[SQL("DEFAULT ''")]))
    migrator.run(fill, database, migrator.orm["events"], migrator.orm["lessons"])
    migrator.add_index("events", "search_form", "id")
    migrator.add_index("lessons", "event", "search_form", "id")


def rollback(migrator, database, *, fake=False):
    migrator.drop_index("lessons", "event", "search_form", "id")
    migrator.drop_index("events", "search_form", "id")
    migrator.remove_fields("lessons", "search_form")
    migrator.remove_fields("events", "search_form")


def fill(database, *tables):
    for table in tables:
        for row_id, title, slug in list(table.select(table.id, table.title, table.slug).tuples().execute(database)):
            table.update(search_form=search_form(title, slug)).where(table.id == row_id).execute(database)
