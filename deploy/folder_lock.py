"""A lock on the folder of a stack, so that a second stack does not use the same files."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.stack import StartFailed


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Lock the folder while the block lasts; give the lock's file descriptor. Raise StartFailed when it is locked.

    Processes that inherit the descriptor keep the lock: where a child outlives its starter, it still uses the files.
    """
    descriptor = os.open(folder / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartFailed(_reason(folder, os.read(descriptor, 20).decode(errors="replace").strip())) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _reason(folder: Path, owner: str) -> str:
    if not _exists(owner):
        return f"processes of an earlier stack still use the folder {folder}: try again in a minute"
    return f"the folder {folder} is in use by another stack, process {owner}: stop it first (kill {owner})"


def _exists(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
