"""The actions of `migrate`, for the command line of a service and for `flix`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import peewee

from services.kit.core.instants import format_instant
from services.kit.storage.database import is_postgresql
from services.kit.storage.migrations import Migrations, MigrationStatus
from services.kit.storage.rollbacks import accept_rollbacks

ACTIONS = ("up", "down", "status", "check", "accept")


class Outcome(NamedTuple):
    """What an action did: lines for people, members of a JSON document, and what `check` found."""

    lines: Sequence[str]
    members: dict[str, Any]
    findings: Sequence[str] = ()


def migrate(migrations: Migrations, database: peewee.Database, action: str, *, accept_losses: bool) -> Outcome:
    """Do one of the ACTIONS. Raise MigrationError."""
    match action:
        case "up":
            applied = migrate_up(migrations, database)
            return Outcome(_lines("applied {}", applied), {"applied": applied})
        case "down":
            name = migrations.down(database, accept_losses=accept_losses)
            return Outcome(_lines("rolled back {}", [name] if name else []), {"rolledBack": name})
        case "status":
            rows = [_view(each) for each in migrations.status(database)]
            return Outcome([f"{each['name']}  {_state(each)}" for each in rows], {"migrations": rows})
        case "check":
            findings = migrations.check(database)
            return Outcome(findings or ["no findings"], {"findings": findings}, findings)
        case _:
            accepted = accept_rollbacks(database)
            return Outcome(_lines("accepted what the rollback of {} lost", accepted), {"accepted": accepted})


def migrate_up(migrations: Migrations, database: peewee.Database) -> list[str]:
    """Apply the missing migrations, make a SQLite file's folder first, and return their names."""
    if not is_postgresql(database):
        Path(str(database.database)).parent.mkdir(parents=True, exist_ok=True)
    return migrations.up(database)


def _lines(form: str, names: Sequence[str]) -> list[str]:
    return [form.format(name) for name in names] or ["nothing to do"]


def _view(status: MigrationStatus) -> dict[str, Any]:
    at = status.applied_at
    return {"name": status.name, "applied": status.applied, "appliedAt": None if at is None else format_instant(at)}


def _state(view: dict[str, Any]) -> str:
    return view["appliedAt"] or ("applied" if view["applied"] else "pending")
