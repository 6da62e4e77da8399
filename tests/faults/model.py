"""What must be there: a model that keeps several possibilities where nobody answered.

A thing is addressed by a path of names that the test has chosen: (event,), (event, lesson), (event, lesson, "quiz")
and so on. What it holds is whatever can be compared; ABSENT when it is not there.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

Path = tuple[str, ...]
State = Hashable

ABSENT: State = None


@dataclass
class Thing:
    """One thing: `possible` is what may be there now, `under_way` what a write that was not answered may still make
    of it, be it that somebody paused finds it when he goes on."""

    possible: set[State] = field(default_factory=lambda: {ABSENT})
    under_way: set[State] = field(default_factory=set)

    def written(self, state: State) -> None:
        """The write was acknowledged."""
        self.possible = {state} | self.under_way

    def perhaps_written(self, state: State) -> None:
        """Nobody answered."""
        self.possible.add(state)
        self.under_way.add(state)

    def found(self, state: State) -> None:
        """A read has decided, but for what is under way."""
        assert state in self.possible, f"found {state}, and there can only be {sorted(map(str, self.possible))}"
        self.possible = {state} | self.under_way


class Model:
    """All things by their paths."""

    def __init__(self) -> None:
        self.things: dict[Path, Thing] = {}

    def __getitem__(self, path: Path) -> Thing:
        return self.things.setdefault(path, Thing())

    def possible(self, path: Path) -> set[State]:
        """What may be there."""
        return self[path].possible

    def may_be_there(self, path: Path) -> bool:
        """Whether it can be there, and everything that it is part of."""
        return all(self.possible(path[:length]) != {ABSENT} for length in range(1, len(path) + 1))

    def removed(self, path: Path) -> None:
        """The deletion was acknowledged: it is gone with its parts; of a quiz that is told only soon."""
        for part in self._with_parts(path):
            if part != path and part[-1] == "quiz":
                self[part].perhaps_written(ABSENT)
            else:
                self[part].written(ABSENT)

    def perhaps_removed(self, path: Path) -> None:
        """Nobody answered."""
        for part in self._with_parts(path):
            self[part].perhaps_written(ABSENT)

    def nothing_is_under_way(self) -> None:
        """Everybody who may have had a request in hand has ended."""
        for thing in self.things.values():
            thing.under_way.clear()

    def is_anything_under_way(self) -> bool:
        """Whether a read decides for good."""
        return any(thing.under_way for thing in self.things.values())

    def _with_parts(self, path: Path) -> Iterator[Path]:
        return (each for each in tuple(self.things) if each[: len(path)] == path)
