"""The numbers of all workers of a process, in memory that they share and that ends with them.

Each worker writes its numbers into its own place once a second, before each scrape, and at its end. The master adds
those of a worker that has ended to the place of the ended, so counters go on when a worker dies and is replaced.
"""

import mmap
import struct
import zlib
from collections.abc import Sequence

import orjson

from services.kit.core.metrics import Values, add_values, values_now, without_gauges

# A place holds two copies, of which one is complete while the other is written. Every method and every status of every
# address of the gateway take 1.6 MB.
COPY_BYTES = 2 * 1024 * 1024
_TURN = struct.Struct("=Q")
_HEAD = struct.Struct("=II")
PLACE_BYTES = _TURN.size + 2 * COPY_BYTES
ATTEMPTS = 10
# Those that were added last: a reader may just have read their places.
REMEMBERED_ENDED = 100

WORKERS, WORKER_EXITS = "flix_workers", "flix_worker_exits"


class Board:
    """Places in memory that processes share which are forked after this. Only the touched part takes memory."""

    def __init__(self, places: int):
        self.places = places
        self._memory = mmap.mmap(-1, places * PLACE_BYTES)

    def write(self, place: int, document: bytes) -> bool:
        """Set the document of the place; return False when it is too long."""
        if len(document) > COPY_BYTES - _HEAD.size:
            return False
        start = place * PLACE_BYTES
        [turn] = _TURN.unpack_from(self._memory, start)
        copy = self._copy(place, turn + 1)
        _HEAD.pack_into(self._memory, copy, len(document), zlib.crc32(document))
        self._memory[copy + _HEAD.size : copy + _HEAD.size + len(document)] = document
        _TURN.pack_into(self._memory, start, turn + 1)
        return True

    def read(self, place: int) -> bytes | None:
        """Return the document of the place, None when it is empty."""
        for _ in range(ATTEMPTS):
            [turn] = _TURN.unpack_from(self._memory, place * PLACE_BYTES)
            if not turn:
                return None
            copy = self._copy(place, turn)
            length, checksum = _HEAD.unpack_from(self._memory, copy)
            document = self._memory[copy + _HEAD.size : copy + _HEAD.size + length]
            if zlib.crc32(document) == checksum:
                return document
        return None

    def clear(self, place: int) -> None:
        """Empty the place."""
        _TURN.pack_into(self._memory, place * PLACE_BYTES, 0)

    def _copy(self, place: int, turn: int) -> int:
        return place * PLACE_BYTES + _TURN.size + turn % 2 * COPY_BYTES


ENDED = 0
"""The place of the workers that have ended."""


class WorkerPlace:
    """The place of a worker; `serial` is never given to another one."""

    def __init__(self, board: Board, place: int, serial: int):
        self.board, self.place, self.serial = board, place, serial

    def write(self) -> bool:
        """Write the numbers of this process; return False when they are too many."""
        return self.board.write(self.place, _document(values_now(), [self.serial]))


class MasterBoard:
    """The master's view: it gives places to workers and keeps the numbers of those that have ended."""

    def __init__(self, most_workers: int):
        self.board = Board(1 + most_workers)
        self._free = list(range(1, 1 + most_workers))
        self._taken: dict[int, int] = {}
        self._ended: Values = {}
        self._ended_serials: list[int] = []

    def give(self, serial: int) -> WorkerPlace | None:
        """Return a place for a worker that will be forked; None when there is none."""
        if not self._free:
            return None
        place = self._taken[serial] = self._free.pop()
        return WorkerPlace(self.board, place, serial)

    def take_back(self, serial: int) -> None:
        """Keep the numbers of a worker that has ended, but for its gauges, and free its place."""
        place = self._taken.pop(serial, None)
        if place is None:
            return
        document = self.board.read(place)
        values = {} if document is None else without_gauges(_parsed(document)[0])
        add_values(self._ended, values)
        add_values(self._ended, {WORKER_EXITS: {(): 1}})
        self._ended_serials = [*self._ended_serials, serial][-REMEMBERED_ENDED:]
        # In this order: see sums().
        if self.board.write(ENDED, _document(self._ended, self._ended_serials)):
            self.board.clear(place)
        self._free.append(place)


def sums(board: Board) -> Values:
    """Return the sums of all workers, those that have ended included."""
    # The ended are read last, and one that was added meanwhile is not counted twice.
    documents = [document for place in range(1, board.places) if (document := board.read(place))]
    ended = board.read(ENDED)
    total, ended_serials = ({WORKER_EXITS: {(): 0}}, []) if ended is None else _parsed(ended)
    alive = [values for values, [serial] in map(_parsed, documents) if serial not in ended_serials]
    for values in alive:
        add_values(total, values)
    return {**total, WORKERS: {(): len(alive)}}


def _document(values: Values, serials: Sequence[int]) -> bytes:
    series = {name: [[labels, value] for labels, value in each.items()] for name, each in values.items()}
    return orjson.dumps({"serials": serials, "series": series})


def _parsed(document: bytes) -> tuple[Values, list[int]]:
    members = orjson.loads(document)
    return {
        name: {tuple(labels): value for labels, value in series} for name, series in members["series"].items()
    }, members["serials"]
