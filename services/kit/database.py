"""The name under which released migrations import InstantField: an applied file may never change (docs/traps.md, 3)."""

from services.kit.storage.database import InstantField

__all__ = ["InstantField"]
