"""Turns for writing to a SQLite file: writers wait in a queue, of threads in a process and then of processes.

SQLite's busy handler polls with growing sleeps instead, which gives tails of seconds and "database is locked" under
load (docs/traps.md, 19). It stays for programs that do not queue, such as sqlite3.
"""

import fcntl
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import peewee

# The longest wait of a thread for the others of its process.
TURN_SECONDS = 5.0

_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@contextmanager
def write_turn(file: str) -> Iterator[None]:
    """Wait until nobody else writes to the SQLite file. Raise peewee.OperationalError after TURN_SECONDS.

    The kernel ends the turn of a process that is killed.
    """
    turn = _turns[file]
    if not turn.acquire(timeout=TURN_SECONDS):
        raise peewee.OperationalError("database is locked")
    queue: int | None = None
    try:
        # Without this file go on: SQLite then says what is wrong with the folder or the disk.
        with suppress(OSError):
            queue = os.open(f"{file}.write.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(queue, fcntl.LOCK_EX)
        yield
    finally:
        if queue is not None:
            os.close(queue)
        turn.release()
