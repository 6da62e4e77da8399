"""The normal form of user names, by which they are compared, and the keyed digests of initial passwords.

The release before leaves both columns empty: such a name is compared all the same, and such an initial password is
checked by its hash. A rollback loses no name and no password: initial passwords have their hashes, too.
"""

from peewee import TextField

from services.kit.core.texts import name_form


def migrate(migrator, database, *, fake=False):
    columns = {"username_key": TextField(null=True, index=True), "initial_password_digest": TextField(null=True)}
    migrator.add_fields("admins", **columns)
    migrator.run(fill, migrator.orm["admins"], database)


def fill(admins, database):
    for admin_id, username in list(admins.select(admins.id, admins.username).tuples().execute(database)):
        admins.update(username_key=name_form(username)).where(admins.id == admin_id).execute(database)


def rollback(migrator, database, *, fake=False):
    migrator.drop_index("admins", "username_key")
    migrator.remove_fields("admins", "initial_password_digest", "username_key")
