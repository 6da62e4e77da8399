"""`flix restore FILE`: replace every database by its copy in a backup, once all copies have passed their checks.

Each copy is unpacked beside the live database, migrated if it is of an older release, and checked by its service.
Before anything is replaced, the present data is backed up.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import uuid_utils

from deploy import commands, stack
from deploy.archive import Archive, Manifest, open_archive
from deploy.backup import (
    ORDER,
    file_name,
    progress_of,
    require_servers,
    restore_command,
    write_backup,
)
from deploy.engines import engine_of
from deploy.engines.common import BackupError
from services.content.models import ChangeFeedRow
from services.kit.core.config import ServiceSettings
from services.kit.core.instants import now
from services.kit.storage.database import open_database

Services = Mapping[str, ServiceSettings]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """The backup, whether somebody has confirmed, and the folder of the backup of the present data, None for none."""

    file: Path
    confirmed: bool
    safety_folder: Path | None


class Restored(NamedTuple):
    """A finished restore: the backup's manifest, the safety backup, the services left as before, and the seconds."""

    manifest: Manifest
    safety_backup: Path | None
    left: Sequence[str]
    seconds: float


def restore(options: Options, say: Say) -> Restored:
    """Replace every database by its copy; `say` gets a line for each step. Raise CommandFailed.

    Nothing is replaced then, or only the databases that the message names.
    """
    started_at = time.monotonic()
    services = stack.read_service_settings(os.environ)
    with open_archive(options.file) as archive, ExitStack() as scratches:
        _require_same_engines(archive.manifest, services)
        _confirm(options, archive.manifest, services)
        require_servers(services)
        # Content before quiz: a restored quiz must not follow the feed of the content that is being replaced.
        wanted = {name: services[name] for name in stack.SERVICES if name in archive.manifest.services}
        _require_stopped_where_needed(wanted)
        copies = {name: scratches.enter_context(_checked_copy(archive, name, wanted[name], say)) for name in wanted}
        safety_backup = _back_up_present(wanted, options.safety_folder) if options.safety_folder else None
        if safety_backup is not None:
            say(f"the present data is backed up in {safety_backup}")
        _replace_all(copies, wanted, safety_backup)
    left = [name for name in services if name not in archive.manifest.services]
    return Restored(archive.manifest, safety_backup, left, time.monotonic() - started_at)


def _require_same_engines(manifest: Manifest, services: Services) -> None:
    for name, copy in manifest.services.items():
        if name not in services:
            raise BackupError(f"the backup contains a database of {name}, which this Flix does not have")
        engine = engine_of(services[name].database_url).NAME
        if copy.engine != engine:
            raise BackupError(
                f"the backup of {name} is of {copy.engine} and its database here is of {engine}: "
                f"restore it into an installation on {copy.engine} (set {name.upper()}_DATABASE_URL)"
            )


def _confirm(options: Options, manifest: Manifest, services: Services) -> None:
    if options.confirmed:
        return
    if any(each.profile == "managed" for each in services.values()):
        raise BackupError("restore replaces every row: in the managed profile it needs --yes")
    names = ", ".join(sorted(manifest.services))
    # Not on standard output, which may be a script's.
    sys.stderr.write(f"Replace every row of {names} by the backup of {manifest.begun_at}? Type yes to continue: ")
    sys.stderr.flush()
    try:
        answer = input()
    except EOFError:
        sys.stderr.write("\n")
        raise BackupError("nothing was replaced: nobody answered (--yes does not ask)") from None
    if answer.strip() != "yes":
        raise BackupError("nothing was replaced")


def _require_stopped_where_needed(services: Services) -> None:
    """Raise BackupError where a running service would keep using its deleted file."""
    for name, settings in services.items():
        if engine_of(settings.database_url).needs_stop(settings.database_url):
            try:
                stack.require_free_ports([settings])
            except stack.StartFailed:
                raise BackupError(
                    f"the database of {name} is gone or unreadable while {name} runs: stop Flix, then restore again"
                ) from None


@contextmanager
def _checked_copy(archive: Archive, name: str, settings: ServiceSettings, say: Say) -> Iterator[str]:
    """Unpack the service's copy into a scratch database, migrate and check it; yield its URL."""
    engine = engine_of(settings.database_url)
    with ExitStack() as contexts:
        try:
            source = contexts.enter_context(archive.copy_of(name))
            with progress_of(f"{name}: unpacking", "B") as progress:
                url = contexts.enter_context(engine.scratch(settings.database_url, source, progress))
            _migrate(name, url, say)
            if name == "content":
                _renew_feed_id(url)
            _run(name, url, "check", "--alone")
        except BackupError as error:
            raise BackupError(f"{name}: {error}; nothing was replaced") from None
        say(f"{name}: the copy is good")
        yield url


def _migrate(name: str, url: str, say: Say) -> None:
    if any(not each.applied for each in commands.SERVICES[name].migrations.status(open_database(url))):
        applied = _run(name, url, "migrate", "up")
        say(f"{name}: the backup is of an older release; {', '.join(applied)} to the copy")


def _renew_feed_id(url: str) -> None:
    """Give the feed a new identity, so that its readers compare everything instead of continuing at an old position."""
    database = open_database(url)
    try:
        ChangeFeedRow.update(feed_id=str(uuid_utils.uuid7())).execute(database)
    finally:
        database.close()


def _run(name: str, url: str, *arguments: str) -> list[str]:
    """Run a service's command on the database at `url` and return its lines; raise BackupError with the first."""
    variable = f"{name.upper()}_DATABASE_URL"
    environment = {key: value for key, value in os.environ.items() if key != f"{variable}_FILE"} | {variable: url}
    done = subprocess.run(  # noqa: S603 our own module, under our own interpreter
        [sys.executable, "-m", stack.PROCESSES[name][0], *arguments],
        cwd=stack.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (done.stdout + done.stderr).splitlines()
    if done.returncode:
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        raise BackupError(f"the copy does not pass {' '.join(arguments)}: {lines[0] if lines else 'no reason'}{more}")
    return lines


def _back_up_present(services: Services, folder: Path) -> Path | None:
    """Back up the present data and return the file, or None when there is no data."""
    urls = {name: services[name].database_url for name in ORDER if name in services}
    present = {name: url for name, url in urls.items() if not engine_of(url).is_empty(url)}
    if not present:
        return None
    target = folder / file_name(now(), "flix-before-restore")
    try:
        write_backup(present, target)
    except BackupError as error:
        raise BackupError(
            f"the present data cannot be backed up ({error}); nothing was replaced: "
            "to give it up, use --without-safety-backup"
        ) from None
    return target


def _replace_all(copies: Mapping[str, str], services: Services, safety_backup: Path | None) -> None:
    replaced: list[str] = []
    for name, scratch_url in copies.items():
        url = services[name].database_url
        try:
            engine_of(url).replace(url, scratch_url)
        except BackupError as error:
            back = f"to go back: {restore_command(safety_backup)}" if safety_backup else "there is no safety backup"
            so_far = f"{' and '.join(replaced)} already replaced, {back}" if replaced else "nothing was replaced"
            raise BackupError(f"{name}: {error}; {so_far}; or correct the cause and restore again") from None
        replaced.append(name)
