"""Migrate every service, and seed `demo` into a new installation: `python -m deploy.prepare`.

A process of its own, because what it loads would stay in the runner's memory as long as the stack runs.
"""

import os
import sys
from contextlib import closing

from deploy import stack
from deploy.commands import SERVICES
from services.content.seed import counts_as_seeded
from services.kit.core.config import ServiceSettings
from services.kit.core.errors import NoWrites
from services.kit.core.failures import CommandFailed
from services.kit.maintenance.command_line import execute
from services.kit.storage.database import open_database
from services.kit.storage.health import require_writes


def main() -> int:
    """Return 0, or 1 with the reason on standard error."""
    try:
        _prepare()
    except CommandFailed as error:
        sys.stderr.writelines(f"{line}\n" for line in error.lines)
        return 1
    return 0


def _prepare() -> None:
    settings = stack.read_service_settings(os.environ)
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
