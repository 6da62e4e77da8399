"""A backup file: a plain tar with a copy of each database, a manifest, and a seal over all bytes before it.

The seal is the SHA-256 of everything before it, so a changed byte or a missing end is found before anything is used.
`tar -tf` lists the file; nothing is unpacked under a name that the file gives.
"""

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.engines.common import CHUNK, BackupError

FORMAT = 1
MANIFEST = "manifest.json"
SEAL = "seal.sha256"
_HEX_DIGITS = 64
_NAME = re.compile(r"\w+(\.\w+)+", re.ASCII)


class Copy(BaseModel):
    """The manifest's entry for the copy of one database."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    engine: str
    file: str
    sha256: str
    bytes: int
    migrations: list[str]
    rows: dict[str, int]


class Manifest(BaseModel):
    """The content of a backup; `begun_at` and `finished_at` are instants in the wire format."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    format: int
    begun_at: str
    finished_at: str
    services: dict[str, Copy]


class ArchiveWriter:
    """Writes members to a file and computes the seal."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._digest = hashlib.sha256()
        self._length = 0

    def add(self, name: str, source: IO[bytes], size: int) -> str:
        """Append a member of exactly `size` bytes and return the SHA-256 of its content."""
        self._write(_header(name, size))
        digest = hashlib.sha256()
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            self._write(chunk)
        self._write(_padding(size, tarfile.BLOCKSIZE))
        return digest.hexdigest()

    def seal(self) -> None:
        """Append the seal and the end of the file, and wait until everything is on disk."""
        self._write(_header(SEAL, _HEX_DIGITS))
        self._file.write(_end(self._digest.hexdigest(), self._length))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._length += len(data)


class Archive:
    """A verified backup, open for reading."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest):
        self._tar = tar
        self.manifest = manifest

    def copy_of(self, service: str) -> IO[bytes]:
        """Return the copy of a service's database as a stream."""
        return _content(self._tar, self.manifest.services[service].file)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a backup after verifying every byte of it; raise BackupError."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise BackupError(f"{path} cannot be read ({error.strerror})") from None
    with file:
        yield _verified(path, file)


def _verified(path: Path, file: IO[bytes]) -> Archive:
    try:
        tar = tarfile.TarFile(fileobj=file)
        members = _members(path, tar)
        _verify_seal(path, file, members.pop(SEAL, None))
        return Archive(tar, _manifest(path, tar, members))
    except OSError as error:
        raise BackupError(f"{path} cannot be read ({error.strerror})") from None
    except tarfile.TarError:
        raise _damaged(path, "it is no tar, or only a part of one") from None


def _members(path: Path, tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    members: dict[str, tarfile.TarInfo] = {}
    for member in tar:
        if member.type != tarfile.REGTYPE or not _NAME.fullmatch(member.name) or member.name in members:
            raise BackupError(f"{path} is refused: {member.name!r} is no part of a backup")
        members[member.name] = member
    return members


def _verify_seal(path: Path, file: IO[bytes], seal: tarfile.TarInfo | None) -> None:
    if seal is None:
        raise _damaged(path, "its end is missing")
    digest = hashlib.sha256()
    file.seek(0)
    for size in _chunks(seal.offset_data):
        digest.update(file.read(size))
    if file.read(2 * tarfile.RECORDSIZE) != _end(digest.hexdigest(), seal.offset_data):
        raise _damaged(path, "its checksum does not match")


def _manifest(path: Path, tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo]) -> Manifest:
    if MANIFEST not in members:
        raise _damaged(path, f"it has no {MANIFEST}")
    text = _content(tar, MANIFEST).read()
    try:
        version = json.loads(text).get("format")
        if isinstance(version, int) and version > FORMAT:
            newer = f"{path} has format {version} and this Flix knows formats up to {FORMAT}"
            raise BackupError(f"{newer}: restore it with the Flix that made it")
        manifest = Manifest.model_validate_json(text)
    except (ValueError, AttributeError, ValidationError):
        raise _damaged(path, f"its {MANIFEST} cannot be understood") from None
    _verify_copies(path, tar, manifest, members)
    return manifest


def _verify_copies(
    path: Path, tar: tarfile.TarFile, manifest: Manifest, members: Mapping[str, tarfile.TarInfo]
) -> None:
    expected = {MANIFEST, *(copy.file for copy in manifest.services.values())}
    if expected != set(members):
        odd = ", ".join(sorted(expected ^ set(members)))
        raise _damaged(path, f"manifest and content differ in {odd}")
    for copy in manifest.services.values():
        if (members[copy.file].size, _digest(_content(tar, copy.file))) != (copy.bytes, copy.sha256):
            raise _damaged(path, f"the checksum of {copy.file} differs from the manifest's")


def _content(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    # extractfile returns None for folders and links, which a verified archive does not have.
    return tar.extractfile(name) or BytesIO()


def _digest(source: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _damaged(path: Path, reason: str) -> BackupError:
    return BackupError(f"{path} is not a complete backup of Flix ({reason}): take another one")


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    # The only tar format without a limit of 8 GB that needs no second header.
    return member.tobuf(tarfile.GNU_FORMAT)


def _end(digest: str, length: int) -> bytes:
    """Return the seal's content and the empty blocks after it, for a file with `length` bytes before them."""
    content = digest.encode() + _padding(_HEX_DIGITS, tarfile.BLOCKSIZE) + bytes(2 * tarfile.BLOCKSIZE)
    return content + _padding(length + len(content), tarfile.RECORDSIZE)


def _padding(size: int, block: int) -> bytes:
    return bytes(-size % block)


def _chunks(size: int) -> Iterator[int]:
    for start in range(0, size, CHUNK):
        yield min(CHUNK, size - start)
