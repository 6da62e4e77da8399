"""The expected records: a model with several possible states after a request without a response.

A thing is addressed by a path of names that the test has chosen: (event,), (event, lesson), (event, lesson, "quiz"),
(event, lesson, upload). Its state is whatever can be compared, and ABSENT when it is not there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]
State = Any

ABSENT: State = None
QUIZ = "quiz"


@dataclass
class Thing:
    """One thing: `possible` is what may be there now, `in_flight` what a write that was not answered may still make
    of it, when somebody who was paused goes on."""

    possible: set[State] = field(default_factory=lambda: {ABSENT})
    in_flight: set[State] = field(default_factory=set)
    was_ever_removed: bool = False

    def written(self, state: State) -> None:
        """Record an acknowledged write."""
        self.possible = {state} | self.in_flight
        self.was_ever_removed |= state is ABSENT

    def written_without_response(self, state: State) -> None:
        """Record a write without a response."""
        self.possible.add(state)
        self.in_flight.add(state)
        self.was_ever_removed |= state is ABSENT

    def written_once(self, state: State) -> None:
        """Record a creation that was carried out exactly once."""
        self.in_flight.discard(state)
        if self.possible <= {ABSENT, state} and not self.was_ever_removed:
            self.possible = {state}

    def found(self, state: State) -> None:
        """Record a read: it decides, except for writes in flight."""
        assert state in self.possible, f"found {state}, but there can only be {sorted(map(str, self.possible))}"
        self.possible = {state} | self.in_flight


class Model:
    """All records by their paths."""

    def __init__(self) -> None:
        self._things: dict[Path, Thing] = {}

    def possible(self, path: Path) -> set[State]:
        """Return the possible states."""
        return set(self._thing(path).possible)

    def can_be_there(self, path: Path) -> bool:
        """Tell whether the record and all its parents can exist."""
        return all(self.possible(each) != {ABSENT} for each in _down_to(path))

    def paths(self, parent: Path, length: int) -> list[Path]:
        """Return the paths of that length below the parent."""
        return [path for path in self._parts(parent) if len(path) == length]

    def written(self, path: Path, state: State) -> None:
        """Record an acknowledged write."""
        self._thing(path).written(state)
        self._may_go_with_its_whole(path)

    def written_without_response(self, path: Path, state: State) -> None:
        """Record a write without a response."""
        self._thing(path).written_without_response(state)
        self._may_go_with_its_whole(path)

    def written_once(self, path: Path, state: State) -> None:
        """Record a creation that was carried out exactly once."""
        self._thing(path).written_once(state)

    def removed(self, path: Path) -> None:
        """Record an acknowledged deletion: children are gone too, a quiz a little later."""
        for part in self._parts(path):
            if part != path and part[-1] == QUIZ:
                self._thing(part).written_without_response(ABSENT)
            else:
                self._thing(part).written(ABSENT)

    def removed_without_response(self, path: Path) -> None:
        """Record a write without a response."""
        for part in self._parts(path):
            self._thing(part).written_without_response(ABSENT)

    def found(self, path: Path, state: State) -> None:
        """Record a read."""
        self._thing(path).found(state)

    def nothing_is_in_flight(self) -> None:
        """Forget the writes in flight: every process that could carry them out has ended."""
        for thing in self._things.values():
            thing.in_flight.clear()

    def is_anything_in_flight(self) -> bool:
        """Tell whether a write may still be carried out."""
        return any(thing.in_flight for path, thing in self._things.items() if self.can_be_there(path[:-1]))

    def _thing(self, path: Path) -> Thing:
        return self._things.setdefault(path, Thing())

    def _may_go_with_its_whole(self, path: Path) -> None:
        if any(ABSENT in self._thing(each).in_flight for each in _down_to(path)[:-1]):
            self._thing(path).written_without_response(ABSENT)

    def _parts(self, parent: Path) -> Iterator[Path]:
        return (path for path in tuple(self._things) if path[: len(parent)] == parent)


def _down_to(path: Path) -> list[Path]:
    return [path[: length + 1] for length in range(len(path))]
