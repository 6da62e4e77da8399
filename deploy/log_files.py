"""Bound the files in data/logs: NAME.log is moved to NAME.log.1 and so on, and the oldest is removed.

A process that writes keeps its file open, so a file that has grown is copied and emptied. A line that is written in the
microseconds between the two is lost.
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.kit.core.config import Environment


@dataclass(frozen=True)
class Bounds:
    """The size in bytes at which a file is rotated, and how many files of a process are kept."""

    most_bytes: int
    files: int


def read_bounds(variables: Mapping[str, str]) -> Bounds:
    """Return the bounds that the variables set. Raise SettingsError."""
    environment = Environment(variables)
    bounds = Bounds(
        most_bytes=environment.integer("LOG_MEGABYTES", 20, maximum=100_000) * 1_000_000,
        files=environment.integer("LOG_FILES", 5, maximum=1000),
    )
    environment.raise_problems()
    return bounds


def rotate_all(folder: Path, bounds: Bounds) -> None:
    """Rotate every file of the folder that has a line. No process may have one open."""
    for file in folder.glob("*.log"):
        if file.stat().st_size:
            _shift(file, bounds.files)
            if bounds.files > 1:
                file.rename(_older(file, 1))
            else:
                file.unlink()


def rotate_grown(file: Path, bounds: Bounds) -> None:
    """Rotate a file that has reached its size, while a process appends to it; on a full disk do it at a later call."""
    with suppress(OSError):
        if file.stat().st_size >= bounds.most_bytes:
            _copy_and_empty(file, bounds.files)


def _copy_and_empty(file: Path, files: int) -> None:
    unfinished = _older(file, 0)
    try:
        with file.open("rb") as source, unfinished.open("wb") as copy:
            if files > 1:
                shutil.copyfileobj(source, copy)
            # Only now: a copy that fails again and again must not push out the older files.
            _shift(file, files)
            if files > 1:
                unfinished.rename(_older(file, 1))
                shutil.copyfileobj(source, copy)
            os.truncate(file, 0)
    finally:
        unfinished.unlink(missing_ok=True)


def _shift(file: Path, files: int) -> None:
    """Make NAME.log.1 free: move each older file by one, and remove those beyond the number to keep."""
    numbers = sorted(
        (int(each.suffix[1:]) for each in file.parent.glob(f"{file.name}.[1-9]*") if each.suffix[1:].isdecimal()),
        reverse=True,
    )
    for number in numbers:
        if number + 1 < files:
            _older(file, number).rename(_older(file, number + 1))
        else:
            _older(file, number).unlink()


def _older(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.{number}")
