"""Passwords that were made for a person, until when they are good."""

from services.kit.database import InstantField


def migrate(migrator, database, *, fake=False):
    migrator.add_fields("admins", initial_password_ends_at=InstantField(null=True))


def rollback(migrator, database, *, fake=False):
    migrator.remove_fields("admins", "initial_password_ends_at")
