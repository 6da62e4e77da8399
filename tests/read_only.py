"""Files that this user cannot write."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_WRITING = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Make the file or folder read-only until the block ends; for root, too, whom its mode does not stop."""
    if os.geteuid() == 0:
        done = (
            subprocess.run(["chattr", "+i", path], capture_output=True, check=False) if shutil.which("chattr") else None
        )
        if done is None or done.returncode:
            pytest.skip("root can write every file where chattr +i does not work")
        try:
            yield
        finally:
            subprocess.run(["chattr", "-i", path], check=True)
        return
    mode = path.stat().st_mode
    path.chmod(mode & ~_WRITING)
    try:
        yield
    finally:
        path.chmod(mode)
