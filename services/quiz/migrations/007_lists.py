"""What searches look into, and the order of quizzes by title: a column, filled for the rows there are.

A rollback loses nothing: the column is made of titles.
"""

from peewee import SQL, TextField

from services.kit.core.texts import search_form


def migrate(migrator, database, *, fake=False):
    # Code of the release before goes on inserting meanwhile: searches do not find these rows until `check --repair`.
    migrator.add_fields("quizzes", search_form=TextField(default="", constraints=[SQL("DEFAULT ''")]))
    migrator.run(fill, database, migrator.orm["quizzes"])
    migrator.add_index("quizzes", "search_form", "id")


def rollback(migrator, database, *, fake=False):
    migrator.drop_index("quizzes", "search_form", "id")
    migrator.remove_fields("quizzes", "search_form")


def fill(database, quizzes):
    for row_id, title in list(quizzes.select(quizzes.id, quizzes.title).tuples().execute(database)):
        quizzes.update(search_form=search_form(title)).where(quizzes.id == row_id).execute(database)
