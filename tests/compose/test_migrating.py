"""Migrations on PostgreSQL in containers: two at once, and to the next version and back with rows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.project import ComposeProject, ComposeStack
from tests.compose.traffic import everyday_traffic
from tests.waiting import until

# The next version: columns with a default in the database, without which old code could not write, a column that may
# be empty, an index, a constraint.
NEXT = "999_next"
MIGRATION = """
from peewee import SQL, IntegerField, TextField

MOTTO = "Ready when you are"


def migrate(migrator, database, *, fake=False):
    migrator.add_fields("events", motto=TextField(default=MOTTO, constraints=[SQL(f"DEFAULT '{MOTTO}'")]))
    migrator.add_fields("lessons", seconds=IntegerField(default=0, constraints=[SQL("DEFAULT 0")]))
    migrator.drop_not_null("events", "hero_title")
    migrator.add_index("lessons", "title")
    migrator.sql("ALTER TABLE events ADD CONSTRAINT events_motto CHECK (motto <> '')")


def rollback(migrator, database, *, fake=False):
    migrator.sql("ALTER TABLE events DROP CONSTRAINT events_motto")
    migrator.drop_index("lessons", "title")
    migrator.add_not_null("events", "hero_title")
    migrator.remove_fields("lessons", "seconds")
    migrator.remove_fields("events", "motto")
"""


@pytest.fixture
def next_version(tmp_path: Path) -> str:
    """The volume that adds the next migration to a container of content."""
    file = tmp_path / f"{NEXT}.py"
    file.write_text(MIGRATION)
    return f"{file}:/app/services/content/migrations/{file.name}:ro"


@pytest.fixture
def populated_stack(compose_stack: ComposeStack, next_version: str) -> Iterator[ComposeStack]:
    """A stack with the demo seed; its schema is restored afterwards."""
    for service in ("content", "quiz"):
        assert compose_stack.command(service, "seed", "demo", "--reset", "--yes").returncode == 0
    yield compose_stack
    if NEXT in str(compose_stack.project.sql("content", "SELECT name FROM schema_ledger")):
        compose_stack.project.run("migrate-content", "migrate", "down", "--yes", volumes=[next_version])


def columns(project: ComposeProject) -> dict[str, list[str]]:
    """Return content's columns by table, without the migrations' own tables."""
    found: dict[str, list[str]] = {}
    for table, column in project.sql(
        "content",
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND table_name NOT IN ('schema_ledger', 'migratehistory') ORDER BY 1, ordinal_position",
    ):
        found.setdefault(table, []).append(column)
    return found


def contents(project: ComposeProject, wanted: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the number of rows of each table, and a checksum of these columns."""
    return {
        table: project.sql(
            "content",
            f"SELECT count(*), md5(string_agg(row::text, E'\\n' ORDER BY row::text COLLATE \"C\")) "
            f"FROM (SELECT ROW({', '.join(names)}) AS row FROM {table}) AS rows",
        )[0]
        for table, names in wanted.items()
        # Quiz moves its position there while it follows what the seed has written.
        if table != "feed_readers"
    }


def test_a_populated_database_keeps_every_row_through_the_next_version_and_back(
    populated_stack: ComposeStack, next_version: str
) -> None:
    project = populated_stack.project
    old = columns(project)
    before = contents(project, old)
    assert {table for table, (count, _) in before.items() if int(count) > 5} == {
        "events",
        "lessons",
        "materials",
        "changes",
        "audit_log",
    }

    up = project.run("migrate-content", "migrate", "up", volumes=[next_version])
    assert (up.returncode, up.stdout) == (0, f"applied {NEXT}\n"), up.stderr
    assert contents(project, old) == before
    new = {table: set(names) - set(old[table]) for table, names in columns(project).items()}
    assert new == {**{key: set() for key in old}, "events": {"motto"}, "lessons": {"seconds"}}
    assert project.sql("content", "SELECT DISTINCT motto FROM events") == [["Ready when you are"]]

    # No row has another value than the default of its column: the rollback loses nothing and needs no --yes.
    down = project.run("migrate-content", "migrate", "down", volumes=[next_version])
    assert (down.returncode, down.stdout) == (0, f"rolled back {NEXT}\n"), down.stderr
    assert columns(project) == old
    assert contents(project, old) == before


def test_old_code_on_a_newer_schema_names_the_remedy_and_serves(
    populated_stack: ComposeStack, next_version: str
) -> None:
    project = populated_stack.project
    advice = (
        f"{NEXT} is applied and this code does not know it: deploy the code that does, "
        "or run python -m services.content migrate down there"
    )
    assert project.ask("content", "/health/ready")[0] == 200
    assert project.run("migrate-content", "migrate", "up", volumes=[next_version]).returncode == 0

    status, retry_after, document = project.ask("content", "/health/ready")
    assert (status, retry_after, document["error"], document["message"]) == (503, "1", "UPSTREAM_UNAVAILABLE", advice)
    for command in (("content", "serve"), ("migrate-content", "migrate", "up"), ("seed-content", "seed", "demo")):
        refused = project.run(*command)
        assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"{advice}\n")
    # Processes that run go on, so that new code can take over without a gap.
    with everyday_traffic(populated_stack) as flow:
        flow.await_more(50)
    assert flow.failures == {}

    assert project.run("migrate-content", "migrate", "down", volumes=[next_version]).returncode == 0
    until(lambda: project.ask("content", "/health/ready")[0] == 200, "content is ready again")
