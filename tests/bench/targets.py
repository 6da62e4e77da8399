"""What docs/benchmarks.md compares figures with: each beside its target, and the worst of each goal."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A figure beside what is asked of it.

    `goal` is a line of the list of targets, `of` is what was measured for it, and `text` says what the figure is, with
    {} for its number. It meets its target from `bound` upwards, or downwards if it is to be `at_most`; `reach` is what
    the best would have.
    """

    goal: str
    of: str
    text: str
    value: float
    bound: float
    reach: float | None = None
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the figure is on the right side of its bound."""
        return self._is_within(self.bound)

    @property
    def is_reached(self) -> bool:
        """Whether the figure is what the best would have."""
        return self.reach is not None and self._is_within(self.reach)

    @property
    def asked(self) -> str:
        """The target in words."""
        return self.text.format(f"{'at most' if self.at_most else 'at least'} {number(self.bound)}")

    @property
    def measured(self) -> str:
        """The figure in words."""
        return self.text.format(number(self.value))

    @property
    def verdict(self) -> str:
        """The target and whether it is met."""
        return f"{self.asked} {met(self.is_met)}"

    def _is_within(self, bound: float) -> bool:
        return self.value <= bound if self.at_most else self.value >= bound


def worst(checks: Iterable[Check]) -> list[Check]:
    """Return the worst check for each figure of each goal, in the order in which they came."""
    found: dict[tuple[str, str], Check] = {}
    for check in checks:
        other = found.setdefault((check.goal, check.text), check)
        if (check.value > other.value) if check.at_most else (check.value < other.value):
            found[check.goal, check.text] = check
    return list(found.values())


def number(value: float) -> str:
    """Return the number with three figures, and all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def met(is_met: bool) -> str:
    """Return the word for a target that is met or not."""
    return "met" if is_met else "**not met**"
