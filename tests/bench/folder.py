"""Where the bench keeps its databases and logs."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.stack import ROOT


@contextmanager
def bench_folder() -> Iterator[Path]:
    """A folder on the disk of the repository, where an installation has its databases too; removed afterwards."""
    (ROOT / "data").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "data"))
    # PostgreSQL's own user must reach its folder.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
