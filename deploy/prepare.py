"""Migrate every service, and seed `demo` into a new installation: `python -m deploy.prepare`.

A process of its own, because what it loads would stay in the runner's memory as long as the stack runs.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import closing

from deploy import env_file, stack
from deploy.commands import SERVICES
from deploy.engines import engine_of
from services.content.seed import counts_as_seeded
from services.kit.core.config import ServiceSettings
from services.kit.core.errors import NoWrites
from services.kit.core.failures import CommandFailed
from services.kit.maintenance.command_line import execute, without_password
from services.kit.storage.database import open_database
from services.kit.storage.health import require_writes
from services.kit.storage.migrations import SchemaLedger


def main() -> int:
    """Return 0, or 1 with the reason on standard error."""
    try:
        _prepare()
    except CommandFailed as error:
        sys.stderr.writelines(f"{env_file.with_own_commands(line)}\n" for line in error.lines)
        return 1
    return 0


def _prepare() -> None:
    settings = stack.read_service_settings(os.environ)
    require_no_lost_database(settings)
    for name in stack.SERVICES:
        _print_line(f"{name}: migrating")
        execute(SERVICES[name], ["migrate", "up"])
        _require_writes(name, settings[name])
    execute(SERVICES["auth"], ["seed"])
    content = settings["content"]
    if content.profile == "local" and not _is_seeded(content):
        _print_line("new installation: seeding demo")
        # Content last: until it is seeded, the next start seeds what an interrupted one did not.
        execute(SERVICES["quiz"], ["seed", "demo"])
        execute(SERVICES["content"], ["seed", "demo"])


def require_no_lost_database(settings: Mapping[str, ServiceSettings]) -> None:
    """Raise StartFailed where a service has no database, while another's has rows: it would begin anew beside them.

    Auth would have the default admin again, and beside an empty content quiz would delete its quizzes.
    """
    urls = {name: each.database_url for name, each in settings.items()}
    lost = [name for name, url in urls.items() if engine_of(url).is_empty(url)]
    if not lost:
        return
    kept = [name for name, url in urls.items() if name not in lost and _has_rows(url)]
    if kept:
        places = "; ".join(f"{name} has no data at {without_password(urls[name])}" for name in lost)
        raise stack.StartFailed(
            f"{places}, but there are rows of {' and '.join(kept)}: put its database back, or flix restore a backup; "
            "to begin anew, move the databases of all services away"
        )


def _has_rows(url: str) -> bool:
    """Return whether the database holds more than its schema."""
    with closing(open_database(url, create=False)) as database:
        tables = set(database.get_tables()) - {SchemaLedger._meta.table_name, "migratehistory"}
        return any(database.execute_sql(f'SELECT 1 FROM "{each}" LIMIT 1').fetchone() for each in tables)  # noqa: S608


def _require_writes(name: str, settings: ServiceSettings) -> None:
    with closing(open_database(settings.database_url)) as database:
        try:
            require_writes(database)
        except NoWrites as error:
            advice = f"let this user write, or set {name.upper()}_DATABASE_URL"
            raise stack.StartFailed(f"{name}: {error} ({advice})") from None


def _is_seeded(content: ServiceSettings) -> bool:
    with closing(open_database(content.database_url)) as database:
        return counts_as_seeded(database)


def _print_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
