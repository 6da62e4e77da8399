"""The old baseline's data moved over: its one SQLite file read, its rows judged, and moved service by service."""

from services.kit.baseline.moving import (
    Candidate,
    Finding,
    Importer,
    Moving,
    Part,
    import_baseline,
)
from services.kit.baseline.old_file import BaselineError, OldFile, opened
from services.kit.baseline.old_row import OldRow

__all__ = [
    "BaselineError",
    "Candidate",
    "Finding",
    "Importer",
    "Moving",
    "OldFile",
    "OldRow",
    "Part",
    "import_baseline",
    "opened",
]
