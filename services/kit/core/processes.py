"""Processes that end with the process that started them, and the files that a process may open."""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress

# linux/prctl.h
_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, how: signal.Signals) -> bool:
    """Have the kernel send this signal when the parent is gone, however it ended; return whether it is still there.

    The kernel means the thread that started this process. Only Linux can do this; elsewhere return True.
    """
    if sys.platform != "linux":
        return True
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, how)
    # If the parent is gone already, no signal comes.
    return os.getppid() == parent


def raise_file_limit() -> tuple[int, int]:
    """Let this process and its children open as many files as the hard limit allows; return the limit before and now.

    The usual soft limit of 1,024 is for programs that call select(), and each connection is a file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS has no hard limit and refuses to have no soft one.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft, file_limit()


def file_limit() -> int:
    """Return how many files this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
