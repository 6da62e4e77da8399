"""A lock on the folder of a stack, so that a second stack does not use the same files."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.stack import POLL_SECONDS, StartFailed

OWNER_SECONDS = 2.0


@contextmanager
def locked(folder: Path, patience_seconds: float = OWNER_SECONDS) -> Iterator[int]:
    """Lock the folder while the block lasts; give the lock's file descriptor. Raise StartFailed when it is locked.

    Processes that inherit the descriptor keep the lock: where a child outlives its starter, it still uses the files.
    """
    try:
        descriptor = os.open(folder / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unwritable(folder, error) from None
    try:
        _lock(descriptor, folder, patience_seconds)
        _write(descriptor, folder, f"{os.getpid()}\n")
        yield descriptor
    finally:
        os.close(descriptor)


def note_without_metrics(descriptor: int, folder: Path, names: Sequence[str]) -> None:
    """Note in the lock which processes of the stack show no metrics, for `flix status`. Raise StartFailed."""
    _write(descriptor, folder, f"{os.getpid()}\n{' '.join(names)}\n")


def names_without_metrics(folder: Path) -> list[str]:
    """Return what the stack that runs on this folder has noted, nothing where none runs."""
    # Without taking the lock, which would refuse a stack that starts just now.
    try:
        owner, _, names = (folder / "stack.lock").read_text(errors="replace").partition("\n")
    except OSError:
        return []
    return names.split() if _exists(owner) else []


def unwritable(folder: Path, error: OSError) -> StartFailed:
    """Return the error of a folder in which nothing can be written, with what to do."""
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "make room on its disk" if is_full else "let this user write there, or start in another folder"
    return StartFailed(f"the folder {folder} cannot be written to ({error.strerror}): {advice}")


def _lock(descriptor: int, folder: Path, patience_seconds: float) -> None:
    """Lock the file; wait a moment for an owner that has not written its process id yet, or ends just now."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode(errors="replace").partition("\n")[0]
        except OSError as error:
            raise unwritable(folder, error) from None
        if _exists(owner) or time.monotonic() > deadline:
            raise StartFailed(_reason(folder, owner))
        time.sleep(POLL_SECONDS)


def _write(descriptor: int, folder: Path, text: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
    except OSError as error:
        raise unwritable(folder, error) from None


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
