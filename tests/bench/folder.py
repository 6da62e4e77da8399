"""Where the bench keeps its databases and logs, and how it ends when it is interrupted."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.stack import ROOT
from tests.leftovers import remove_leftovers


@contextmanager
def bench_folder() -> Iterator[Path]:
    """A folder on the disk of the repository, where an installation has its databases too; removed afterwards.

    A signal that ends this process lets it stop its servers first; what a killed run has left running is ended here.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    remove_leftovers()
    (ROOT / "data").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "data"))
    # PostgreSQL's own user must reach its folder.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _end(number: int, _frame: object) -> None:
    # The second signal of an impatient caller would interrupt the stopping.
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)
