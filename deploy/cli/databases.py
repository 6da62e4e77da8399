"""The services' databases, opened for commands."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import peewee

from deploy.commands import SERVICES
from deploy.tools_container import is_tools_container
from services.kit.core.config import ServiceSettings
from services.kit.core.failures import CommandFailed
from services.kit.core.logging import log_to_standard_error
from services.kit.maintenance.command_line import Service, opened
from services.kit.storage.migrations import SchemaBehind

AnySettings = TypeVar("AnySettings", bound=ServiceSettings)


class NoData(CommandFailed):
    """There is no installation yet."""


@contextmanager
def opened_current(service: Service[AnySettings]) -> Iterator[tuple[AnySettings, peewee.Database]]:
    """Give a service's settings and database, whose schema is the code's. Raise CommandFailed."""
    log_to_standard_error()
    with opened(service, create=False) as (settings, database):
        require_current(service, database)
        yield settings, database


def require_current(service: Service[Any], database: peewee.Database) -> None:
    """Raise CommandFailed or MigrationError when the database's schema is not the code's."""
    require_data(service, database)
    try:
        service.migrations.require_current(database)
    except SchemaBehind as error:
        raise CommandFailed(f"the schema of {service.name} is behind the code: run flix migrate") from error


def require_data(service: Service[Any], database: peewee.Database) -> None:
    """Raise NoData where nothing was ever made, as before the first start."""
    if not any(each.applied for each in service.migrations.status(database)):
        command = "flix migrate" if is_tools_container() else "flix up, which makes it"
        raise NoData(f"{service.name} has no data yet: run {command}")


def chosen(names: Sequence[str]) -> list[str]:
    """Return the named services in the order of their start, all without names. Raise CommandFailed."""
    if unknown := [each for each in names if each not in SERVICES]:
        raise CommandFailed(f"there is no service {unknown[0]!r}: name {', '.join(SERVICES)}")
    return [each for each in SERVICES if each in names or not names]
