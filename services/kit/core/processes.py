"""Processes that end with the process that started them."""

import ctypes
import os
import signal
import sys

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
