"""structlog, without what it would load besides (see lean_imports)."""

from services.kit.core.lean_imports import without_rich

with without_rich():
    import structlog

__all__ = ["structlog"]
