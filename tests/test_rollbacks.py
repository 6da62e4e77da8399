"""Every rollback of the three services, over rows in every table, on both engines: what each of them loses."""

from collections.abc import Iterator, Mapping
from typing import Any

import peewee
import pytest

from services.auth.config import read_settings
from services.auth.integrity import examination
from services.auth.migrations import MIGRATIONS as AUTH
from services.content.migrations import MIGRATIONS as CONTENT
from services.kit.core.instants import format_instant
from services.kit.storage.database import InstantField
from services.kit.storage.migrations import Migrations, RollbackRefused
from services.kit.storage.rollbacks import RollbackRow, accept_rollbacks
from services.quiz.migrations import MIGRATIONS as QUIZ
from tests.violations import execute, found

# What a rollback loses of these rows: rows of a table, or values of a column that stay away when it is applied again.
# The columns that grant rights are admins.role and .disabled_at (002), and .initial_password_ends_at (003).
LOSSES: dict[Migrations, dict[str, set[str]]] = {
    AUTH: {
        "007_list_of_people": set(),
        "006_names_and_invitations": {"admins.initial_password_digest 2"},
        "005_idempotent_answers": {"idempotent_answers 2"},
        "004_audit_log_indexes": set(),
        "003_initial_passwords": {"admins.initial_password_ends_at 2"},
        "002_people_and_sessions": {
            *("admins.role 2", "admins.disabled_at 2", "signing_keys.signs_from 2"),
            *("audit_log 2", "refresh_tokens 2", "sign_in_throttles 2"),
        },
        "001_initial": {"admins 3", "sessions 2", "signing_keys 2"},
    },
    CONTENT: {
        "009_former_slugs": {"former_event_slugs 2", "former_lesson_slugs 2"},
        "008_lists": set(),
        "007_seed_mark": {"seed_mark 1"},
        # Of two events of different instants each is the first.
        "006_slug_forms": {"events.position 1"},
        "005_replaced_keys": {"replaced_keys 2"},
        "004_audit_log_indexes": set(),
        "003_audit_log": {"audit_log 2"},
        "002_change_feed": {
            *("changes 2", "change_feed 1", "feed_readers 2", "idempotent_answers 2"),
            *("events.version 2", "lessons.version 2"),
        },
        "001_initial": {"events 2", "lessons 2", "materials 2"},
    },
    QUIZ: {
        "007_lists": set(),
        "006_seed_mark": {"seed_mark 1"},
        "005_quiz_versions": {"quiz_revisions 1", "quiz_revisions.replaced_at 1"},
        "004_audit_log_indexes": set(),
        "003_audit_log": {"audit_log 2"},
        "002_following": {"feed_position 1", "idempotent_answers 2", "tombstones 2", "quizzes.version 2"},
        # One of four went with 005.
        "001_initial": {*("quiz_revisions 3", "quizzes 2", "quiz_questions 2", "quiz_options 2", "quiz_attempts 2")},
    },
}
SINGLE = {table: [{"id": 1, "pruned_through": 1}] for table in ("change_feed", "feed_position", "seed_mark")}
# The columns that do not take the values below, for each row of a table.
ROWS: dict[str, list[dict[str, Any]]] = SINGLE | {
    "admins": [
        {"role": "viewer", "username_key": "username-1"},
        {"role": "editor", "username_key": "username-2"},
        {
            **dict.fromkeys(("disabled_at", "initial_password_ends_at", "initial_password_digest")),
            **{"role": "owner", "username_key": "username-3"},
        },
    ],
    "events": [
        {"visibility": "private", "slug_form": f"slug-{n}", "search_form": f"title-{n}\nslug-{n}"} for n in (1, 2)
    ],
    "lessons": [
        {"video_provider": "vimeo", "slug_form": f"slug-{n}", "search_form": f"title-{n}\nslug-{n}", "expires_at": 9}
        for n in (1, 2)
    ],
    "materials": [{"mime_type": "text/plain"}] * 2,
    "changes": [{"kind": "event", "action": "changed"}] * 2,
    "tombstones": [{"kind": "event"}] * 2,
    "quiz_revisions": [
        *[dict.fromkeys(("event_id", "lesson_id", "replaced_at"))] * 2,
        # Replaced, with attempts: all but the instant is known from these.
        {"event_id": "event_id-1", "lesson_id": "lesson_id-1"},
        # Replaced, without an attempt.
        {},
    ],
    "quizzes": [{"search_form": f"title-{n}"} for n in (1, 2)],
    "quiz_attempts": [{"revision_id": "id-3", "event_id": "event_id-1", "lesson_id": "lesson_id-1"}] * 2,
    "sessions": [{"expires_at": 9}] * 2,
    "refresh_tokens": [{"expires_at": 9}] * 2,
}
ENGINES = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.full)], indirect=True
)
EVERY = pytest.mark.parametrize("migrations", LOSSES, ids=lambda each: each.service)
Rows = dict[str, dict[tuple[Any, ...], Mapping[str, Any]]]


def populate(database: peewee.Database, migrations: Migrations) -> None:
    """Fill every table; no value is the default of its column, but those of an active owner."""
    for model in migrations.tables:
        name = model._meta.table_name
        for number, own in enumerate(ROWS.get(name, [{}] * 2), 1):
            values = {field.column_name: value_of(field, number) for field in model._meta.sorted_fields}
            row = values | {column: value for column, value in own.items() if column in values}
            peewee.Table(name, list(row)).insert(row).execute(database)


def value_of(field: peewee.Field, number: int) -> Any:
    if isinstance(field, peewee.ForeignKeyField):
        return f"id-{number}"
    if isinstance(field, peewee.BooleanField):
        return True
    if isinstance(field, peewee.IntegerField | InstantField):
        return number + 1 if field.column_name in ("version", "signs_from") else number
    return f"{field.column_name}-{number}"


def stored(database: peewee.Database, migrations: Migrations) -> Rows:
    """Return every row by table and primary key."""
    found: Rows = {}
    for model in migrations.tables:
        name = model._meta.table_name
        if database.table_exists(name):
            columns = [each.name for each in database.get_columns(name)]
            rows = [dict(zip(columns, row, strict=True)) for row in database.execute_sql(f"SELECT * FROM {name}")]
            key = [field.column_name for field in model._meta.get_primary_keys()]
            found[name] = {tuple(row[each] for each in key): row for row in rows}
    return found


def gone(before: Rows, after: Rows) -> Iterator[str]:
    """Yield the tables that lost rows and the columns that lost values, with how many."""
    for table, rows in before.items():
        remaining = [key for key in rows if key in after.get(table, {})]
        if len(remaining) < len(rows):
            yield f"{table} {len(rows) - len(remaining)}"
        pairs = [(rows[key], after[table][key]) for key in remaining]
        for column in next(iter(rows.values()), {}):
            lost = sum(row[column] not in (None, other.get(column)) for row, other in pairs)
            if lost:
                yield f"{table}.{column} {lost}"


def roll_back(database: peewee.Database, migrations: Migrations) -> tuple[str, set[str]]:
    """Roll back the latest migration; return its name, and what a refusal named before."""
    before = stored(database, migrations)
    try:
        return str(migrations.down(database)), set()
    except RollbackRefused as refused:
        assert stored(database, migrations) == before
        named = {
            f"{each.table}{'.' * bool(each.column)}{each.column or ''} {each.rows}" for each in refused.losses.found
        }
        assert all(str(each) in str(refused) for each in refused.losses.found)
    return str(migrations.down(database, accept_losses=True)), named


@pytest.mark.full
@ENGINES
@EVERY
def test_a_refusal_names_exactly_what_goes(database: peewee.Database, migrations: Migrations) -> None:
    names = migrations.up(database)
    populate(database, migrations)
    losses = {}
    for number, _ in reversed(list(enumerate(names))):
        before = stored(database, migrations)
        name, losses_named = roll_back(database, migrations)
        losses[name] = losses_named
        if database.table_exists("schema_rollback_values"):
            # Here nothing shall be put back.
            database.execute_sql("DELETE FROM schema_rollback_values")
        assert migrations.up(database) == names[number:]
        assert set(gone(before, stored(database, migrations))) == losses_named
        while migrations.down(database, accept_losses=True) != name:
            pass
    assert losses == LOSSES[migrations]


@ENGINES
@EVERY
def test_rows_that_stay_are_as_before_when_all_is_applied_again(
    database: peewee.Database, migrations: Migrations
) -> None:
    names = migrations.up(database)
    populate(database, migrations)
    before = stored(database, migrations)
    for _ in names[1:]:
        roll_back(database, migrations)
    assert migrations.up(database) == names[1:]
    after = stored(database, migrations)
    assert after == {table: {key: rows[key] for key in rows if key in after[table]} for table, rows in before.items()}
    assert database.execute_sql("SELECT * FROM schema_rollback_values").fetchall() == []


@ENGINES
def test_nobody_becomes_an_active_owner_and_check_names_each_rollback(database: peewee.Database) -> None:
    names = AUTH.up(database)
    populate(database, AUTH)
    rights = "SELECT username, role, disabled_at, initial_password_ends_at FROM admins ORDER BY username"
    before = database.execute_sql(rights).fetchall()
    for _ in names[1:]:
        roll_back(database, AUTH)
    # The release before adds a person, and a person changes the password.
    columns = {"id": "id-9", "username": "username-9", "password_hash": "$2b$", "created_at": 1, "updated_at": 1}
    peewee.Table("admins", list(columns)).insert(columns).execute(database)
    execute(database, "UPDATE admins SET password_hash = 'another' WHERE id = 'id-1'")
    assert [line for line in findings(database) if "rolled back from" in line] == []
    AUTH.up(database)
    assert database.execute_sql(rights).fetchall() == [*before, ("username-9", "owner", None, None)]

    notes = {row.name: row for row in RollbackRow.select().execute(database)}
    since, until = (format_instant(each) for each in (notes[names[1]].rolled_back_at, notes[names[1]].reapplied_at))
    lines = findings(database)
    assert [line.split()[1] for line in lines] == [*reversed([names[1], names[2], names[4], names[5]])]
    assert lines[-1] == (
        f"database 002_people_and_sessions rolled_back: rolled back from {since} to {until}: "
        "lost audit_log (2 of 2 rows), refresh_tokens (2 of 2 rows), sign_in_throttles (2 of 2 rows); "
        "put back admins.role (2 of 3 rows), admins.disabled_at (2 of 3 rows), signing_keys.signs_from (2 of 2 rows); "
        "look at what was added and changed meanwhile, such as people and their roles, "
        "then run python -m services.auth migrate accept"
    )
    assert accept_rollbacks(database) == [line.split()[1] for line in lines]
    assert (findings(database), accept_rollbacks(database)) == ([], [])


def findings(database: peewee.Database) -> list[str]:
    """Return the findings about rollbacks."""
    every = found(database, examination(read_settings({})))
    return [each.line() for each in every if each.rule == "rolled_back"]
