"""Installations for the tests of the deployment."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import ROOT
from tests.installation import Installation, installation

if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # With `nohup make test` what is started here would ignore it too.
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.full)])
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """Return a seeded installation on each engine in turn; nothing of it runs."""
    server = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else None
    folder = tmp_path / "installation"
    folder.mkdir()
    with installation(folder, server) as made:
        made.prepare()
        yield made


@pytest.fixture
def built_on_sqlite(tmp_path: Path) -> Iterator[Installation]:
    """Return a seeded installation on SQLite; nothing of it runs."""
    folder = tmp_path / "installation"
    folder.mkdir()
    with installation(folder) as made:
        made.prepare()
        yield made


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder with the repository's files and a `.env` of its own."""
    for name in ("deploy", "services", "gateway", "docker-compose.yml", ".env.example"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path
