"""The numbers of all workers of a process, in memory that they share and that ends with them.

Each worker writes its numbers into its own place once a second, before each scrape, and at its end. The counts of one
that has ended stay in its place, and the next worker there goes on with them: so none is lost, or counted twice.
"""

import mmap
import struct
import zlib

import orjson

from services.kit.core.metrics import Values, add_values, values_now, without_gauges

# A place holds two copies, of which one is complete while the other is written. Every method and every status of every
# address of the gateway take 1.6 MB.
COPY_BYTES = 2 * 1024 * 1024
_TURN = struct.Struct("=Q")
_HEAD = struct.Struct("=II")
PLACE_BYTES = _TURN.size + 2 * COPY_BYTES
ATTEMPTS = 10

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

    def _copy(self, place: int, turn: int) -> int:
        return place * PLACE_BYTES + _TURN.size + turn % 2 * COPY_BYTES


class WorkerPlace:
    """The place of a worker, who goes on with the counts of those who had it before."""

    def __init__(self, board: Board, place: int):
        self.board, self._place = board, place
        self._before = _read(board, place)

    def write(self) -> bool:
        """Write the numbers of this process; return False when they are too many."""
        values: Values = {WORKERS: {(): 1}}
        add_values(values, self._before)
        add_values(values, values_now())
        return self.board.write(self._place, _document(values))


class MasterBoard:
    """The master's view: it gives places to workers, named by a number of their own, and takes them back."""

    def __init__(self, most_workers: int):
        self.board = Board(most_workers)
        self._free = list(range(most_workers))
        self._taken: dict[int, int] = {}

    def give(self, worker: int) -> WorkerPlace | None:
        """Return a place for a worker that will be forked; None when there is none."""
        if not self._free:
            return None
        place = self._taken[worker] = self._free.pop()
        return WorkerPlace(self.board, place)

    def take_back(self, worker: int) -> None:
        """Free the place of a worker that has ended; its counts stay there, and its gauges go."""
        place = self._taken.pop(worker, None)
        if place is not None:
            values = without_gauges(_read(self.board, place))
            values.pop(WORKERS, None)
            add_values(values, {WORKER_EXITS: {(): 1}})
            self.board.write(place, _document(values))
            self._free.append(place)


def sums(board: Board) -> Values:
    """Return the sums of all workers, those that have ended included."""
    total: Values = {WORKERS: {(): 0}, WORKER_EXITS: {(): 0}}
    for place in range(board.places):
        add_values(total, _read(board, place))
    return total


def _document(values: Values) -> bytes:
    return orjson.dumps({name: [[labels, value] for labels, value in each.items()] for name, each in values.items()})


def _read(board: Board, place: int) -> Values:
    members = orjson.loads(board.read(place) or b"{}")
    return {name: {tuple(labels): value for labels, value in series} for name, series in members.items()}
