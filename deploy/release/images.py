"""Secrets in the images, searched in everything that the public base image does not have."""

import base64
import csv
import hashlib
import io
import json
import posixpath
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, cast

import docker
from docker.models.images import Image

from deploy.release.leaks import Known, known_secrets, scan_folder
from deploy.release.verdict import Verdict, verdict_of

CHECK = "secrets in the images"
# A longer file is not searched: no program reads a secret from it.
LONGEST_FILE = 4 * 1024 * 1024


def check_images(root: Path) -> Verdict:
    """Build the images of docker-compose.yml and scan them; NOT DONE without a Docker engine."""
    try:
        engine = docker.from_env()
        engine.ping()
    except docker.errors.DockerException as error:
        return Verdict(CHECK, "NOT DONE", f"no Docker engine responds ({' '.join(str(error).split())})")
    names = build_images(root)
    return scan_images(engine, base_of(root), names, known_secrets(root))


def build_images(root: Path) -> Sequence[str]:
    """Build the images of docker-compose.yml and return their names."""
    _compose(root, "build", "--quiet")
    services = json.loads(_compose(root, "config", "--format=json"))["services"]
    return sorted({service["image"] for service in services.values() if "build" in service})


def base_of(root: Path) -> str:
    """Return the public image that deploy/Dockerfile starts from."""
    found = re.search(r"^FROM (\S+)", (root / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    return found[1] if found else ""


def scan_images(engine: docker.DockerClient, base: str, names: Sequence[str], known: Known) -> Verdict:
    """Look for secrets in files, variables and build steps that are not in the public image or in public packages."""
    seen = {digest for _, _, digest in _files(engine, base)}
    with tempfile.TemporaryDirectory() as folder:
        place, files = Path(folder), 0
        for name in names:
            _write(place / name / "image.json", _recipe(engine, name, base))
            texts = list(_files(engine, name))
            seen |= _published(texts)
            for path, content, digest in texts:
                if digest not in seen:
                    seen.add(digest)
                    files += 1
                    _write(place / name / path, content)
        leaks = scan_folder(place)
    findings = [str(leak) for leak in leaks if (leak.kind, leak.digest) not in known]
    return verdict_of(CHECK, findings, f"{files} files in {', '.join(names)}, besides those of {base} and of packages")


def _published(texts: Sequence[tuple[str, bytes, str]]) -> set[str]:
    """Return the digests of unchanged files of wheels and Debian packages, which are public.

    A wheel lists its files in RECORD (PyPA, "Recording installed projects"), a Debian package in md5sums
    (deb-md5sums(5)).
    """
    listed = {each for path, content, _ in texts for each in _listed_files(path, content)}
    return {digest for path, content, digest in texts if listed & {(path, digest), (path, _md5(content))}}


def _listed_files(path: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Yield path and digest of each file in a package's list; nothing for another file."""
    if path.endswith(".dist-info/RECORD"):
        place = posixpath.dirname(posixpath.dirname(path))
        for file, digest, _size in csv.reader(content.decode(errors="replace").splitlines()):
            if digest.startswith("sha256="):
                sha256 = base64.urlsafe_b64decode(digest.removeprefix("sha256=") + "=").hex()
                yield posixpath.normpath(posixpath.join(place, file)), sha256
    elif path.startswith("var/lib/dpkg/info/") and path.endswith(".md5sums"):
        for line in content.decode(errors="replace").splitlines():
            md5, _, file = line.partition("  ")
            yield file, md5


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _compose(root: Path, *arguments: str) -> str:
    command = ["docker", "compose", "--profile=tools", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout  # noqa: S603


def _recipe(engine: docker.DockerClient, name: str, base: str) -> bytes:
    """Return variables, labels and build steps beyond those of the base; build arguments show there."""
    own, inherited = _settings(engine.images.get(name)), _settings(engine.images.get(base))
    return json.dumps([line for line in own if line not in inherited], indent=1).encode()


def _settings(image: Image) -> list[str]:
    config = image.attrs["Config"]
    lines = [*(config.get("Env") or []), *(f"{key}={text}" for key, text in (config.get("Labels") or {}).items())]
    return [*lines, *(config.get("Cmd") or []), *(config.get("Entrypoint") or []), *_steps(image)]


def _steps(image: Image) -> list[str]:
    history: Any = image.history()
    return [step["CreatedBy"] for step in history]


def _files(engine: docker.DockerClient, name: str) -> Iterator[tuple[str, bytes, str]]:
    """Yield path, content and digest of every text in the image's file system."""
    container = engine.containers.create(name)
    try:
        chunks: Any = container.export()
        with closing(_Stream(chunks)) as stream:
            buffered = cast("BinaryIO", io.BufferedReader(stream))
            with tarfile.open(fileobj=buffered, mode="r|") as archive:
                yield from _texts(archive)
    finally:
        container.remove()


def _texts(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes, str]]:
    for member in archive:
        stored = archive.extractfile(member) if member.isfile() and member.size <= LONGEST_FILE else None
        content = stored.read() if stored else b"\0"
        if b"\0" not in content:
            yield member.name, content, hashlib.sha256(content).hexdigest()


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


class _Stream(io.RawIOBase):
    """Chunks as a file that can be read once."""

    def __init__(self, chunks: Iterator[bytes]):
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
