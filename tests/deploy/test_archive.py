"""deploy.archive: what is believed of a file, and what is refused before anything in it is used."""

import io
import json
import os
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.archive import FORMAT, MANIFEST, Copy, Manifest, open_archive
from deploy.engines.common import BackupError
from tests.deploy.copies import members, sealed, with_copy

COPY = os.urandom(5000)
CONTENT = with_copy(
    {
        MANIFEST: Manifest(
            format=FORMAT,
            begun_at="2026-03-01T12:00:00.000Z",
            finished_at="2026-03-01T12:00:01.000Z",
            services={
                "quiz": Copy(
                    engine="sqlite", file="quiz.sqlite", sha256="", bytes=0, migrations=["001_initial"], rows={"a": 1}
                )
            },
        )
        .model_dump_json()
        .encode()
    },
    "quiz",
    COPY,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A whole backup."""
    return sealed(tmp_path / "flix.tar", CONTENT)


def refusal(file: Path) -> str:
    """Why the file is refused, without its name."""
    with pytest.raises(BackupError) as refused, open_archive(file):
        pass
    return str(refused.value).removeprefix(f"{file} ")


def changed_manifest(**changes: object) -> dict[str, bytes]:
    """The members with another manifest."""
    return {**CONTENT, MANIFEST: json.dumps({**json.loads(CONTENT[MANIFEST]), **changes}).encode()}


def test_a_whole_backup_gives_back_what_went_in_and_plain_tar_can_list_it(file: Path) -> None:
    assert json.loads(members(file)[MANIFEST]) == json.loads(CONTENT[MANIFEST])
    assert members(file)["quiz.sqlite"] == COPY
    with tarfile.open(file) as tar:
        assert tar.getnames() == [MANIFEST, "quiz.sqlite", "seal.sha256"]


def test_no_byte_can_be_another(file: Path) -> None:
    whole, places = file.read_bytes(), random.Random(4)
    for place in (*range(600), *places.sample(range(len(whole)), 400), *range(len(whole) - 600, len(whole))):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert refusal(file)


def test_no_end_can_be_missing(file: Path) -> None:
    whole = file.read_bytes()
    for length in (*range(0, len(whole), 97), len(whole) - 1):
        file.write_bytes(whole[:length])
        assert refusal(file)
    file.write_bytes(whole + b"\0")
    assert refusal(file) == (
        "is not a whole backup of Flix (its checksum is another than when it was made): take another one"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"quiz.sqlite": COPY}, "it has no manifest.json"),
        ({MANIFEST: CONTENT[MANIFEST]}, "manifest and content differ in quiz.sqlite"),
        ({**CONTENT, "more.sqlite": b""}, "manifest and content differ in more.sqlite"),
        ({**CONTENT, "quiz.sqlite": b"other"}, "the checksum of quiz.sqlite is another than the manifest's"),
        ({**CONTENT, MANIFEST: b"{"}, "its manifest.json cannot be understood"),
        ({**CONTENT, MANIFEST: b"[]"}, "its manifest.json cannot be understood"),
        (changed_manifest(services={"quiz": {}}), "its manifest.json cannot be understood"),
        (changed_manifest(more=1), "its manifest.json cannot be understood"),
    ],
)
def test_a_sealed_file_whose_parts_do_not_fit_is_refused(
    tmp_path: Path, content: dict[str, bytes], reason: str
) -> None:
    assert refusal(sealed(tmp_path / "odd.tar", content)) == (
        f"is not a whole backup of Flix ({reason}): take another one"
    )


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    newer = sealed(tmp_path / "newer.tar", changed_manifest(format=FORMAT + 1, unheard_of=[]))

    assert refusal(newer) == "has format 2 and this Flix knows formats up to 1: restore it with the Flix that made it"


@pytest.mark.parametrize("name", ["../outside", "/absolute", "folder/file", ".."])
def test_a_name_that_is_a_path_is_refused(tmp_path: Path, name: str) -> None:
    assert (
        refusal(sealed(tmp_path / "paths.tar", {**CONTENT, name: b""}))
        == f"is refused: {name!r} is no part of a backup"
    )


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_files_are_members(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "odd.tar", "w") as tar:
        member = tarfile.TarInfo("quiz.sqlite")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)

    assert refusal(tmp_path / "odd.tar") == "is refused: 'quiz.sqlite' is no part of a backup"


def _compressed(file: Path) -> None:
    with tarfile.open(file, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("quiz.sqlite"), io.BytesIO())


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda file: file.write_bytes(b""),
            "is not a whole backup of Flix (it is no tar, or only a part of one): take another one",
        ),
        (
            lambda file: file.write_text("SQLite format 3"),
            "is not a whole backup of Flix (it is no tar, or only a part of one): take another one",
        ),
        (_compressed, "is not a whole backup of Flix (it is no tar, or only a part of one): take another one"),
        (lambda file: file.mkdir(), "cannot be read (Is a directory)"),
        (lambda file: None, "cannot be read (No such file or directory)"),
    ],
)
def test_what_is_no_backup_at_all_is_told_as_such(
    tmp_path: Path, make: Callable[[Path], object], expected: str
) -> None:
    make(tmp_path / "odd")

    assert refusal(tmp_path / "odd") == expected
