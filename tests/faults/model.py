"""What must be there: a model that keeps several possibilities where nobody answered.

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
    """One thing: `possible` is what may be there now, `under_way` what a write that was not answered may still make
    of it, when somebody who was paused goes on."""

    possible: set[State] = field(default_factory=lambda: {ABSENT})
    under_way: set[State] = field(default_factory=set)
    was_ever_removed: bool = False

    def written(self, state: State) -> None:
        """The write was acknowledged."""
        self.possible = {state} | self.under_way
        self.was_ever_removed |= state is ABSENT

    def perhaps_written(self, state: State) -> None:
        """Nobody answered."""
        self.possible.add(state)
        self.under_way.add(state)
        self.was_ever_removed |= state is ABSENT

    def written_once(self, state: State) -> None:
        """The creation was carried out, now or before, and cannot be again."""
        self.under_way.discard(state)
        if self.possible <= {ABSENT, state} and not self.was_ever_removed:
            self.possible = {state}

    def found(self, state: State) -> None:
        """A read has decided, but for what is under way."""
        assert state in self.possible, f"found {state}, but there can only be {sorted(map(str, self.possible))}"
        self.possible = {state} | self.under_way


class Model:
    """All things by their paths."""

    def __init__(self) -> None:
        self._things: dict[Path, Thing] = {}

    def possible(self, path: Path) -> set[State]:
        """What may be there."""
        return set(self._thing(path).possible)

    def can_be_there(self, path: Path) -> bool:
        """Whether it can, with all that it is part of."""
        return all(self.possible(each) != {ABSENT} for each in _down_to(path))

    def paths(self, whole: Path, length: int) -> list[Path]:
        """Those of so many names that are parts of the whole."""
        return [path for path in self._parts(whole) if len(path) == length]

    def written(self, path: Path, state: State) -> None:
        """The write was acknowledged."""
        self._thing(path).written(state)
        self._may_go_with_its_whole(path)

    def perhaps_written(self, path: Path, state: State) -> None:
        """Nobody answered."""
        self._thing(path).perhaps_written(state)
        self._may_go_with_its_whole(path)

    def written_once(self, path: Path, state: State) -> None:
        """The creation was carried out, now or before, and cannot be again."""
        self._thing(path).written_once(state)

    def removed(self, path: Path) -> None:
        """The deletion was acknowledged: it is gone with its parts, a quiz as soon as it has heard of it."""
        for part in self._parts(path):
            if part != path and part[-1] == QUIZ:
                self._thing(part).perhaps_written(ABSENT)
            else:
                self._thing(part).written(ABSENT)

    def perhaps_removed(self, path: Path) -> None:
        """Nobody answered."""
        for part in self._parts(path):
            self._thing(part).perhaps_written(ABSENT)

    def found(self, path: Path, state: State) -> None:
        """What a read has found."""
        self._thing(path).found(state)

    def nothing_is_under_way(self) -> None:
        """Everybody who may have had a request in hand has ended."""
        for thing in self._things.values():
            thing.under_way.clear()

    def is_anything_under_way(self) -> bool:
        """Whether a read would not decide for good."""
        return any(thing.under_way for path, thing in self._things.items() if self.can_be_there(path[:-1]))

    def _thing(self, path: Path) -> Thing:
        return self._things.setdefault(path, Thing())

    def _may_go_with_its_whole(self, path: Path) -> None:
        if any(ABSENT in self._thing(each).under_way for each in _down_to(path)[:-1]):
            self._thing(path).perhaps_written(ABSENT)

    def _parts(self, whole: Path) -> Iterator[Path]:
        return (path for path in tuple(self._things) if path[: len(whole)] == whole)


def _down_to(path: Path) -> list[Path]:
    return [path[: length + 1] for length in range(len(path))]
