"""`make backup`: copy every service's database into one file while the stack serves.

The file has every write that was acknowledged before the backup began. Each copy is of one moment, but not of the same
one: quiz is copied first, so that its position in content's feed is never ahead of the copy of content.
"""

import argparse
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from pathlib import Path

import peewee
from tqdm import tqdm

from deploy import env_file, stack
from deploy.archive import FORMAT, MANIFEST, ArchiveWriter, Copy, Manifest
from deploy.engines import engine_of
from deploy.engines.common import BackupError, Progress
from services.kit.core.config import ServiceSettings, SettingsError
from services.kit.core.instants import format_instant, now
from services.kit.storage.database import open_database, wait_until_ready

FOLDER = Path("data/backups")
_MAKE = "make restore FILE="
# The reverse of the order in which services start.
ORDER = tuple(reversed(tuple(stack.SERVICES)))


def main() -> int:
    """Return 0 when the file is written, 1 when nothing is."""
    parser = argparse.ArgumentParser(prog="python -m deploy.backup", description="Back up every database.")
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="FOLDER", help="the folder for the file")
    options = parser.parse_args()
    started_at = time.monotonic()

    def work() -> None:
        target = back_up(options.to)
        seconds, size = time.monotonic() - started_at, readable_size(target.stat().st_size)
        print_line(f"{target}: {size} in {seconds:.1f} s; to go back to it: {restore_command(target)}")

    return run_as_command(work)


def run_as_command(work: Callable[[], None]) -> int:
    """Run a command with the settings of `make run`; write an error as one line and return the exit code."""
    # Copies contain password hashes and signing keys.
    os.umask(0o077)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        env_file.load()
        work()
    except (BackupError, SettingsError, stack.StartFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'the system'}: {error.strerror}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 1
    return 0


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
            _sync(target.parent)
            return manifest
    except OSError as error:
        raise BackupError(f"{target} cannot be written ({error.strerror}): give another folder") from None


def file_name(begun: datetime, kind: str = "flix") -> str:
    """Return a file name that sorts by time and is valid on every file system."""
    return f"{kind}-{format_instant(begun).replace(':', '-')}.tar"


def restore_command(file: Path) -> str:
    """Return the command that restores the file, as a shell takes it; containers have another one."""
    command = os.environ.get("RESTORE_COMMAND", _MAKE)
    # make expands what it is given, before the shell of its recipe sees it.
    name = str(file).replace("$", "$$") if command == _MAKE else str(file)
    return command + shlex.quote(name)


@contextmanager
def progress_bar(task: str, unit: str) -> Iterator[Progress]:
    """Show a progress bar on a terminal; remove it at the end."""
    with tqdm(desc=task, unit=unit, unit_scale=True, disable=None, leave=False) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done)

        yield progress


def print_line(text: str) -> None:
    """Write a line to standard output and flush it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def readable_size(number: int) -> str:
    """Return a number of bytes in a form for people."""
    return f"{tqdm.format_sizeof(number, divisor=1000)}B"


def back_up(folder: Path) -> Path:
    """Write a new backup into the folder and return its file. Raise BackupError, SettingsError or StartFailed."""
    services = stack.read_service_settings(os.environ)
    require_servers(services)
    databases = {name: services[name].database_url for name in ORDER}
    for name, url in databases.items():
        if engine_of(url).is_empty(url):
            raise BackupError(f"{name} has no database yet, or not where {name.upper()}_DATABASE_URL says")
    target = folder / file_name(now())
    write_backup(databases, target)
    return target


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
        with progress_bar(f"{name}: copying", engine.UNIT) as progress:
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


def _sync(folder: Path) -> None:
    """Write the folder's list of files to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
