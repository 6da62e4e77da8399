"""The mark that the samples were added. A rollback forgets it: the release before goes by whether content is empty."""

from peewee import Check, IntegerField, Model

from services.kit.database import InstantField


def migrate(migrator, database, *, fake=False):
    @migrator.create_model
    class SeedMarkRow(Model):
        id = IntegerField(primary_key=True)
        seeded_at = InstantField()

        class Meta:
            table_name = "seed_mark"
            legacy_table_names = False
            constraints = (Check("id = 1", name="seed_mark_one_row"),)


def rollback(migrator, database, *, fake=False):
    migrator.remove_model("seed_mark")
