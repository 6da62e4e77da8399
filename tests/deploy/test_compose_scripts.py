"""The scripts that call `docker compose`, with a `docker` that only records its calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.stack import ROOT


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (["backup-compose"], "my clone/data/backups"),
        (["backup-compose", "here"], "else where/here"),
        (["restore-compose", "old.tar"], "else where"),
        (["import-baseline-compose", "old.sqlite"], "else where"),
        (["redeploy", "content"], None),
    ],
)
def test_a_script_works_from_anywhere_and_through_a_link(tmp_path: Path, command: list[str], place: str | None) -> None:
    clone, elsewhere, log = tmp_path / "my clone", tmp_path / "else where", tmp_path / "log"
    (clone / "deploy").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "old.sqlite").touch()
    name, *arguments = command
    shutil.copy(ROOT / "deploy" / name, clone / "deploy")
    (elsewhere / name).symlink_to(clone / "deploy" / name)
    (elsewhere / "docker").write_text(f"#!/bin/sh\npwd >>'{log}'\nprintf '%s\\n' \"$@\" >>'{log}.calls'\n")
    (elsewhere / "docker").chmod(0o755)
    # With CDPATH `cd` also writes to standard output.
    variables = {"PATH": f"{elsewhere}:{os.environ['PATH']}", "CDPATH": f"{elsewhere}:{tmp_path}"}
    subprocess.run([elsewhere / name, *arguments], cwd=elsewhere, env=variables, check=False)

    assert {*log.read_text().splitlines()} == {str(clone)}
    if place is not None:
        assert f"{tmp_path / place}:{tmp_path / place}" in Path(f"{log}.calls").read_text().splitlines()
    assert (clone / "data").exists() is (command == ["backup-compose"])
