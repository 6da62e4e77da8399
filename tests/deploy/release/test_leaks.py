"""Secrets are found by detect-secrets itself. The examples are put together here, so that they are no findings."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.release.leaks import KNOWN, ScanFailed, check_tree, scan_folder
from deploy.stack import ROOT

AWS_KEY = "AKIA" + "IOSFODNN7" + "EXAMPLQ"
PRIVATE_KEY = "-----BEGIN " + "PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END " + "PRIVATE KEY-----\n"
PASSWORD = "pass" + "word = 'kT9-vL2!qZ7x'\n"

pytestmark = pytest.mark.full


def repository(folder: Path, text: str) -> Path:
    """Make a git repository with a tracked file and the known texts of Flix."""
    (folder / KNOWN).parent.mkdir(parents=True)
    shutil.copy(ROOT / KNOWN, folder / KNOWN)
    (folder / "settings.py").write_text(text)
    for command in (["git", "init", "--quiet"], ["git", "add", "."]):
        subprocess.run(command, cwd=folder, check=True)
    return folder


def test_secrets_are_found_by_file_line_and_kind(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "settings.py").write_text(f"# nothing\nkey = '{AWS_KEY}'\n{PASSWORD}")
    (tmp_path / "key.pem").write_text(PRIVATE_KEY)
    (tmp_path / "clean.py").write_text("value = 42\n")

    leaks = scan_folder(tmp_path)

    assert sorted((leak.file, leak.line, leak.kind) for leak in leaks) == [
        ("deep/settings.py", 2, "AWS Access Key"),
        ("deep/settings.py", 3, "Secret Keyword"),
        ("key.pem", 1, "Private Key"),
    ]
    assert not [leak for leak in leaks if AWS_KEY in str(leak) or "kT9" in str(leak)]


def test_only_tracked_files_are_checked_and_a_secret_is_not_repeated(tmp_path: Path) -> None:
    folder = repository(tmp_path, f"key = '{AWS_KEY}'\n")
    (folder / "notes.txt").write_text(AWS_KEY)
    verdict = check_tree(folder)
    assert (verdict.state, len(verdict.findings)) == ("FAILED", 2)
    assert verdict.findings[0].startswith("settings.py:1: AWS Access Key ")
    assert AWS_KEY not in "".join(verdict.findings)


def test_a_known_text_is_no_secret_in_whatever_file(tmp_path: Path) -> None:
    folder = repository(tmp_path, PASSWORD)
    report = json.loads((folder / KNOWN).read_text())
    (leak,) = (leak for leak in scan_folder(folder) if leak.file == "settings.py")
    known = {"type": leak.kind, "filename": "elsewhere.py", "hashed_secret": leak.digest, "line_number": 9}
    (folder / KNOWN).write_text(json.dumps({**report, "results": {"elsewhere.py": [known]}}))
    assert check_tree(folder).state == "passed"


def test_a_scan_that_cannot_be_made_is_no_success(tmp_path: Path) -> None:
    assert check_tree(tmp_path).state == "NOT DONE"
    with pytest.raises((ScanFailed, FileNotFoundError)):
        scan_folder(tmp_path / "nowhere")


def test_flix_holds_no_secret() -> None:
    verdict = check_tree(ROOT)
    assert (verdict.state, verdict.findings) == ("passed", [])
