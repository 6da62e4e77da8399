"""The names that released migrations import from here: an applied file may never change (docs/traps.md, 3)."""

from services.kit.storage.audit.append_only import append_only, never_replaced, not_append_only

__all__ = ["append_only", "never_replaced", "not_append_only"]
