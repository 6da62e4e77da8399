"""`flix backup`: copy every service's database into one file while the stack serves.

The file has every write that was acknowledged before the backup began. Each copy is of one moment, but not of the same
one: quiz is copied first, so that its position in content's feed is never ahead of the copy of content.
"""

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import peewee

from deploy import stack
from deploy.archive import FORMAT, MANIFEST, ArchiveWriter, Copy, Manifest
from deploy.engines import engine_of
from deploy.engines.common import BackupError, Progress, sync
from services.kit.core.config import ServiceSettings
from services.kit.core.instants import format_instant, now
from services.kit.maintenance.progress import Meter
from services.kit.storage.database import open_database, wait_until_ready

_FLIX = "./flix restore "
# The reverse of the order in which services start.
ORDER = tuple(reversed(tuple(stack.SERVICES)))


class Made(NamedTuple):
    """A finished backup: its file, its size in bytes, and the seconds that it took."""

    file: Path
    bytes: int
    seconds: float
    manifest: Manifest


def require_servers(services: Mapping[str, ServiceSettings]) -> None:
    """Wait for the database servers; raise BackupError when one does not respond."""
    for name, settings in services.items():
        try:
            wait_until_ready(open_database(settings.database_url), settings.database_wait_seconds)
        except peewee.OperationalError as error:
            raise BackupError(f"{name}: the database does not respond ({' '.join(str(error).split())})") from None


def write_backup(databases: Mapping[str, str], target: Path) -> Manifest:
    """Write the databases, given by their URLs, into a new file; the file is complete or does not exist."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _work_folder(target) as folder:
            manifest = _write(databases, folder)
            # Unlike rename, link never replaces another file.
            os.link(folder / "archive", target)
            sync(target.parent)
            return manifest
    except OSError as error:
        raise BackupError(f"{target} cannot be written ({error.strerror}): give another folder") from None


def file_name(begun: datetime, kind: str = "flix") -> str:
    """Return a file name that sorts by time and is valid on every file system."""
    return f"{kind}-{format_instant(begun).replace(':', '-')}.tar"


def restore_command(file: Path) -> str:
    """Return the command that restores the file, as a shell takes it; containers have another one."""
    return os.environ.get("RESTORE_COMMAND", _FLIX) + shlex.quote(str(file))


@contextmanager
def progress_of(task: str, unit: str) -> Iterator[Progress]:
    """Show the progress of a task, whose end is not known yet."""
    with Meter("", unit) as meter:
        meter.begin(task, 0)
        yield meter.advance


def make_backup(folder: Path) -> Made:
    """Write every service's database into a new file in the folder, while the stack serves. Raise CommandFailed."""
    started_at = time.monotonic()
    services = stack.read_service_settings(os.environ)
    require_servers(services)
    databases = {name: services[name].database_url for name in ORDER}
    for name, url in databases.items():
        if engine_of(url).is_empty(url):
            raise BackupError(f"{name} has no database yet, or not where {name.upper()}_DATABASE_URL says")
    target = folder / file_name(now())
    manifest = write_backup(databases, target)
    return Made(target, target.stat().st_size, time.monotonic() - started_at, manifest)


def _write(databases: Mapping[str, str], folder: Path) -> Manifest:
    begun = now()
    with (folder / "archive").open("xb") as file:
        archive = ArchiveWriter(file)
        copies = {name: _add(archive, name, url, folder) for name, url in databases.items()}
        manifest = Manifest(
            format=FORMAT, begun_at=format_instant(begun), finished_at=format_instant(now()), services=copies
        )
        text = manifest.model_dump_json(indent=2).encode()
        archive.add(MANIFEST, BytesIO(text), len(text))
        archive.seal()
    return manifest


def _add(archive: ArchiveWriter, name: str, url: str, folder: Path) -> Copy:
    """Copy one database into the archive; its own file is removed before the next is copied."""
    engine, file = engine_of(url), folder / f"{name}.{engine_of(url).NAME}"
    try:
        with progress_of(f"{name}: copying", engine.UNIT) as progress:
            content = engine.dump(url, file, progress)
    except BackupError as error:
        raise BackupError(f"{name}: {error}") from None
    length = file.stat().st_size
    with file.open("rb") as source:
        digest = archive.add(file.name, source, length)
    file.unlink()
    return Copy(
        engine=engine.NAME,
        file=file.name,
        sha256=digest,
        bytes=length,
        migrations=content.migrations,
        rows=content.rows,
    )


@contextmanager
def _work_folder(target: Path) -> Iterator[Path]:
    """Create a folder beside the target, with a name unlike a backup's, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
