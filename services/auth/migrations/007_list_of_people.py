"""The index of the list of people."""


def migrate(migrator, database, *, fake=False):
    migrator.add_index("admins", "created_at", "id")


def rollback(migrator, database, *, fake=False):
    migrator.drop_index("admins", "created_at", "id")
