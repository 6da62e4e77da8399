"""Is what is stored still whole? Findings name table, id and rule; some carry their one right repair."""

from services.kit.integrity.examination import Domain, Examination, examine
from services.kit.integrity.findings import Finding, Progress, Silent, breaches
from services.kit.integrity.rows import BATCH_ROWS, Table, batches

__all__ = [
    "BATCH_ROWS",
    "Domain",
    "Examination",
    "Finding",
    "Progress",
    "Silent",
    "Table",
    "batches",
    "breaches",
    "examine",
]
