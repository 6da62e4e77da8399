"""A backup file is verified completely before anything in it is used."""

import io
import json
import os
import random
import tarfile
from pathlib import Path

import pytest

from deploy.archive import FORMAT, MANIFEST, Copy, Manifest, open_archive
from deploy.engines.common import BackupError
from tests.deploy.copies import members, with_copy, write_sealed

COPY = os.urandom(5000)
MANIFEST_OF_COPY = Manifest(
    format=FORMAT,
    begun_at="2026-03-01T12:00:00.000Z",
    finished_at="2026-03-01T12:00:01.000Z",
    services={
        "quiz": Copy(engine="sqlite", file="quiz.sqlite", sha256="", bytes=0, migrations=["001_initial"], rows={"a": 1})
    },
)
CONTENT = with_copy({MANIFEST: MANIFEST_OF_COPY.model_dump_json().encode()}, "quiz", COPY)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a complete backup."""
    return write_sealed(tmp_path / "flix.tar", CONTENT)


def refusal(file: Path) -> str:
    """Return why the file is refused, without its name."""
    with pytest.raises(BackupError) as refused, open_archive(file):
        pass
    return str(refused.value).removeprefix(f"{file} ")


def damaged(reason: str) -> str:
    """Return the message for a damaged backup."""
    return f"is not a complete backup of Flix ({reason}): take another one"


def changed_manifest(**changes: object) -> dict[str, bytes]:
    """Return the members with a changed manifest."""
    return {**CONTENT, MANIFEST: json.dumps({**json.loads(CONTENT[MANIFEST]), **changes}).encode()}


def test_a_backup_returns_what_was_written_and_plain_tar_can_list_it(file: Path) -> None:
    assert json.loads(members(file)[MANIFEST]) == json.loads(CONTENT[MANIFEST])
    assert members(file)["quiz.sqlite"] == COPY
    with tarfile.open(file) as tar:
        assert tar.getnames() == [MANIFEST, "quiz.sqlite", "seal.sha256"]


def test_a_changed_byte_is_found(file: Path) -> None:
    content, places = file.read_bytes(), random.Random(4)
    ends = (*range(0, 600, 5), *range(len(content) - 600, len(content), 5))
    for place in (*ends, *places.sample(range(len(content)), 100)):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert refusal(file)


def test_a_missing_or_longer_end_is_found(file: Path) -> None:
    content = file.read_bytes()
    for length in (*range(0, len(content), 397), len(content) - 1):
        file.write_bytes(content[:length])
        assert refusal(file)
    file.write_bytes(content + b"\0")
    assert refusal(file) == damaged("its checksum does not match")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"quiz.sqlite": COPY}, "it has no manifest.json"),
        ({MANIFEST: CONTENT[MANIFEST]}, "manifest and content differ in quiz.sqlite"),
        ({**CONTENT, "more.sqlite": b""}, "manifest and content differ in more.sqlite"),
        ({**CONTENT, "quiz.sqlite": b"other"}, "the checksum of quiz.sqlite differs from the manifest's"),
        ({**CONTENT, MANIFEST: b"{"}, "its manifest.json cannot be understood"),
        ({**CONTENT, MANIFEST: b"[]"}, "its manifest.json cannot be understood"),
        (changed_manifest(services={"quiz": {}}), "its manifest.json cannot be understood"),
        (changed_manifest(more=1), "its manifest.json cannot be understood"),
    ],
)
def test_sealed_parts_that_do_not_fit_are_refused(file: Path, content: dict[str, bytes], reason: str) -> None:
    assert refusal(write_sealed(file, content)) == damaged(reason)


def test_a_newer_format_is_named(file: Path) -> None:
    write_sealed(file, changed_manifest(format=FORMAT + 1, unknown=[]))
    assert refusal(file) == "has format 2 and this Flix knows formats up to 1: restore it with the Flix that made it"


@pytest.mark.parametrize("name", ["../outside", "/absolute", "folder/file", ".."])
def test_a_name_that_is_a_path_is_refused(file: Path, name: str) -> None:
    assert refusal(write_sealed(file, {**CONTENT, name: b""})) == f"is refused: {name!r} is no part of a backup"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_member_that_is_no_file_is_refused(file: Path, kind: bytes) -> None:
    with tarfile.open(file, "w") as tar:
        member = tarfile.TarInfo("quiz.sqlite")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    assert refusal(file) == "is refused: 'quiz.sqlite' is no part of a backup"


def test_other_files_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "compressed", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("quiz.sqlite"), io.BytesIO())
    (tmp_path / "empty").touch()
    (tmp_path / "database").write_text("SQLite format 3")
    no_tar = damaged("it is no tar, or only a part of one")
    assert [refusal(tmp_path / name) for name in ("compressed", "empty", "database")] == [no_tar] * 3
    assert refusal(tmp_path) == "cannot be read (Is a directory)"
    assert refusal(tmp_path / "absent") == "cannot be read (No such file or directory)"
