"""A mapping of bounded size, which forgets what was used least recently. Threads that share one need a lock."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class RecentlyUsed(Generic[Key, Value]):
    """A mapping whose values have at most `maximum` in all; without a `size` each counts as one."""

    def __init__(self, maximum: int, size: Callable[[Value], int] = lambda _value: 1):
        self._maximum = maximum
        self._size = size
        self._total = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()

    @property
    def total(self) -> int:
        """The size of all values."""
        return self._total

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """Return the value, which counts as used now."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Set the value."""
        self.remove(key)
        self._values[key] = value
        self._total += self._size(value)
        while self._total > self._maximum:
            self.remove(next(iter(self._values)))

    def remove(self, key: Key) -> None:
        """Forget the value."""
        value = self._values.pop(key, None)
        self._total -= 0 if value is None else self._size(value)

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()
        self._total = 0
