"""Scheduled backups: one turn, what is kept, and when the next one is due."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.backup_schedule import due_at, remove_oldest, turn
from tests.deploy.copies import back_up, run_module
from tests.installation import Installation


@pytest.mark.full
def test_a_turn_backs_up_and_removes_the_oldest(built_on_sqlite: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    first, second = back_up(built_on_sqlite, folder), back_up(built_on_sqlite, folder)
    mine = [folder / name for name in ("flix-before-restore-2020-01-01T00-00-00.000Z.tar", "flix.tar", "notes.txt")]
    for file in mine:
        file.touch()
    done = run_module(built_on_sqlite, "deploy.backup_schedule", "--to", folder, "--once", BACKUP_KEEP="2")

    assert (done.returncode, done.stderr) == (0, "")
    (line,) = map(json.loads, done.stdout.splitlines())
    made = folder / line["file"]
    assert {name: line[name] for name in ("event", "level", "service", "removed", "bytes")} == {
        "event": "backup_made",
        "level": "info",
        "service": "backups",
        "removed": [first.name],
        "bytes": made.stat().st_size,
    }
    assert {*folder.iterdir()} == {second, made, *mine}

    refused = run_module(built_on_sqlite, "deploy.backup_schedule", "--once", BACKUP_KEEP="0")
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        1,
        "",
        "BACKUP_KEEP must be a whole number from 1 to 10000, not '0'\n",
    )


def leave_nothing(folder: Path) -> Path:
    """Fail as on a full disk."""
    raise OSError(28, "No space left on device", str(folder))


def leave_a_damaged_file(folder: Path) -> Path:
    """Write a file that is no backup."""
    file = folder / "flix-2026-03-01T00-00-00.000Z.tar"
    file.write_bytes(b"half a file")
    return file


@pytest.mark.parametrize("make", [leave_nothing, leave_a_damaged_file])
def test_a_failed_turn_removes_nothing(make: Callable[[Path], Path], tmp_path: Path) -> None:
    older = [tmp_path / f"flix-2026-01-0{day}T00-00-00.000Z.tar" for day in (1, 2, 3)]
    for file in older:
        file.touch()

    assert turn(tmp_path, 1, make) is False
    # Nothing could be restored from the damaged file.
    assert sorted(tmp_path.iterdir()) == older


def test_the_newest_is_kept_though_the_clock_was_ahead_once(tmp_path: Path) -> None:
    names = [
        "flix-2031-01-01T00-00-00.000Z.tar",
        "flix-2026-01-01T00-00-00.000Z.tar",
        "flix-2026-01-02T00-00-00.000Z.tar",
    ]
    for name in names:
        (tmp_path / name).touch()

    assert remove_oldest(tmp_path, 2, tmp_path / names[2]) == [names[1]]
    assert remove_oldest(tmp_path, 1, tmp_path / names[2]) == [names[0]]
    assert [file.name for file in tmp_path.iterdir()] == [names[2]]


def test_a_restart_waits_for_the_rest_of_the_interval(tmp_path: Path) -> None:
    assert due_at(tmp_path, 3600, now=1000) == 1000

    file = tmp_path / "flix-2026-01-01T00-00-00.000Z.tar"
    file.touch()
    os.utime(file, (5000, 5000))
    assert due_at(tmp_path, 3600, now=6000) == 8600
    assert due_at(tmp_path, 3600, now=4000) == 7600
