"""A value that stands for a text that cannot be predicted."""

import re
from typing import Any


class Matching:
    """Equals every text that matches the pattern."""

    def __init__(self, pattern: str):
        self._pattern = re.compile(pattern)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pattern.fullmatch(other) is not None

    def __hash__(self) -> int:
        return hash(self._pattern)

    def __repr__(self) -> str:
        return f"Matching({self._pattern.pattern!r})"


NEW_ID: Any = Matching("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
