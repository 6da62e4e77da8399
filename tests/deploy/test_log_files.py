"""Rotation of data/logs."""

from pathlib import Path

import pytest

from deploy.log_files import Bounds, read_bounds, rotate_all, rotate_grown
from services.kit.core.config import SettingsError


def content(folder: Path) -> dict[str, str]:
    """Return the text of each file by its name."""
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_each_start_begins_new_files_and_the_oldest_go(tmp_path: Path) -> None:
    (tmp_path / "quiz.log").touch()
    (tmp_path / "notes.txt").write_text("mine")
    for number in range(1, 6):
        (tmp_path / "auth.log").write_text(f"start {number}\n")
        rotate_all(tmp_path, Bounds(most_bytes=1000, files=3))

    assert content(tmp_path) == {
        "quiz.log": "",
        "notes.txt": "mine",
        "auth.log.1": "start 5\n",
        "auth.log.2": "start 4\n",
    }


def test_a_file_that_grows_is_emptied_while_a_process_writes_to_it(tmp_path: Path) -> None:
    file, bounds = tmp_path / "auth.log", Bounds(most_bytes=20, files=2)
    with file.open("ab", buffering=0) as output:
        for line in (b"the first line\n", b"the second line\n", b"the third line\n", b"another line\n"):
            output.write(line)
            rotate_grown(file, bounds)

    assert content(tmp_path) == {"auth.log": "", "auth.log.1": "the third line\nanother line\n"}


def test_one_file_alone_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "auth.log").write_text("a line\n")
    rotate_grown(tmp_path / "auth.log", Bounds(most_bytes=5, files=1))

    assert content(tmp_path) == {"auth.log": ""}


def test_what_cannot_be_rotated_keeps_every_line(tmp_path: Path) -> None:
    file = tmp_path / "auth.log"
    file.write_text("new\n")
    (tmp_path / "auth.log.1").write_text("old\n")
    # As on a full disk, no copy can be made.
    (tmp_path / "auth.log.0").mkdir()
    rotate_grown(file, Bounds(most_bytes=1, files=3))
    (tmp_path / "auth.log.0").rmdir()

    assert content(tmp_path) == {"auth.log": "new\n", "auth.log.1": "old\n"}


def test_the_bounds_are_settings() -> None:
    assert read_bounds({"LOG_MEGABYTES": "3", "LOG_FILES": "1"}) == Bounds(most_bytes=3_000_000, files=1)
    with pytest.raises(SettingsError, match="LOG_FILES must be a whole number from 1 to 1000, not '0'"):
        read_bounds({"LOG_FILES": "0"})
