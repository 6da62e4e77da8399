"""The command `check`: findings on standard output, progress on standard error."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import peewee

from services.kit.core.errors import ServiceError
from services.kit.core.findings import Finding, Progress
from services.kit.core.logging import safe_message
from services.kit.maintenance.examination import Examination, examine
from services.kit.maintenance.progress import Meter
from services.kit.storage.database_errors import DATABASE_ERRORS

Print = Callable[[str], None]


class Checked(NamedTuple):
    """A finding, whether it is repaired, and the line that says so."""

    finding: Finding
    is_repaired: bool
    line: str


def checked_findings(
    database: peewee.Database, examination: Examination, progress: Progress, *, repair: bool, alone: bool = False
) -> Iterator[Checked]:
    """Yield every finding, with `repair` after its repair."""
    for finding in examine(database, examination, progress, alone=alone):
        is_repaired, line = _repaired(finding) if repair else (False, finding.line())
        yield Checked(finding, is_repaired, line)


def check(
    database: peewee.Database, examination: Examination, print_line: Print, *, repair: bool, alone: bool = False
) -> int:
    """Print every finding, with `repair` also its repair, and return the number of findings that remain."""
    remaining = count = 0
    with Meter() as meter:
        for each in checked_findings(database, examination, meter, repair=repair, alone=alone):
            count += 1
            remaining += not each.is_repaired
            print_line(each.line)
    if repair and examination.tidy is not None and not remaining:
        for line in examination.tidy(database):
            print_line(line)
    if not count:
        print_line("no findings")
    return remaining


def _repaired(finding: Finding) -> tuple[bool, str]:
    """Repair the finding; return whether that succeeded, and the line to print."""
    if finding.repair is None:
        return False, f"{finding.line()} (no automatic repair: the right one is not certain)"
    try:
        return True, f"{finding.line()}: repaired: {finding.repair()}"
    except (*DATABASE_ERRORS, ServiceError) as error:
        return False, f"{finding.line()}: not repaired: {' '.join(safe_message(error).split())}"
