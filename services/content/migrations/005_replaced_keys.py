"""Keyed digests of access keys that were replaced within a day.

A rollback forgets them: until a day after, a key of yesterday counts as a wrong guess, as it did before.
"""

from peewee import Model, TextField

from services.kit.database import InstantField


def migrate(migrator, database, *, fake=False):
    @migrator.create_model
    class ReplacedKeyRow(Model):
        digest = TextField(primary_key=True)
        replaced_at = InstantField(index=True)

        class Meta:
            table_name = "replaced_keys"
            legacy_table_names = False


def rollback(migrator, database, *, fake=False):
    migrator.remove_model("replaced_keys")
