"""deploy.release.leaks, with detect-secrets itself. What is planted is put together here, so that it is no finding."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.release.leaks import KNOWN, ScanFailed, check_tree, known_secrets, scan_folder
from deploy.stack import ROOT

AWS_KEY = "AKIA" + "IOSFODNN7" + "EXAMPLQ"
PRIVATE_KEY = "-----BEGIN " + "PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END " + "PRIVATE KEY-----\n"
PASSWORD = "pass" + "word = 'kT9-vL2!qZ7x'\n"


def working_copy(folder: Path, **files: str) -> Path:
    """A git repository that keeps these files, and knows what Flix knows to be no secret."""
    (folder / KNOWN).parent.mkdir(parents=True)
    shutil.copy(ROOT / KNOWN, folder / KNOWN)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    return folder


def test_planted_secrets_are_found_by_file_line_and_kind(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "settings.py").write_text(f"# nothing\nkey = '{AWS_KEY}'\n{PASSWORD}")
    (tmp_path / "key.pem").write_text(PRIVATE_KEY)
    (tmp_path / "clean.py").write_text("answer = 42\n")

    leaks = scan_folder(tmp_path)

    assert [(leak.file, leak.line, leak.kind) for leak in sorted(leaks, key=lambda leak: (leak.file, leak.line))] == [
        ("deep/settings.py", 2, "AWS Access Key"),
        ("deep/settings.py", 3, "Secret Keyword"),
        ("key.pem", 1, "Private Key"),
    ]
    assert not [leak for leak in leaks if AWS_KEY in str(leak) or "kT9" in str(leak)]


def test_a_secret_that_git_keeps_is_found_and_not_repeated(tmp_path: Path) -> None:
    verdict = check_tree(working_copy(tmp_path, settings=f"key = '{AWS_KEY}'\n"))

    assert (verdict.state, verdict.findings[0].rpartition(" ")[0]) == ("FAILED", "settings.py:1: AWS Access Key")
    assert AWS_KEY not in "".join(verdict.findings)
    assert verdict.findings[-1].startswith("what is none of them is noted by: ")


def test_what_git_does_not_keep_is_not_looked_at(tmp_path: Path) -> None:
    copy = working_copy(tmp_path, settings="answer = 42\n")
    (copy / "notes.txt").write_text(AWS_KEY)

    assert check_tree(copy).state == "passed"


def test_what_is_known_to_be_no_secret_is_none_wherever_it_stands(tmp_path: Path) -> None:
    copy = working_copy(tmp_path, settings=PASSWORD)
    report = json.loads((copy / KNOWN).read_text())
    (leak,) = scan_folder(copy)[-1:]
    found = {"type": leak.kind, "filename": "elsewhere.py", "hashed_secret": leak.digest, "line_number": 9}
    (copy / KNOWN).write_text(json.dumps({**report, "results": {"elsewhere.py": [found]}}))

    assert (check_tree(copy).state, (leak.kind, leak.digest) in known_secrets(copy)) == ("passed", True)


def test_a_folder_that_git_does_not_keep_is_not_called_clean(tmp_path: Path) -> None:
    assert check_tree(tmp_path).state == "NOT DONE"


def test_a_scan_that_fails_says_so(tmp_path: Path) -> None:
    copy = working_copy(tmp_path)
    (copy / KNOWN).write_text("{}")

    with pytest.raises(KeyError):
        check_tree(copy)
    with pytest.raises((ScanFailed, FileNotFoundError)):
        scan_folder(tmp_path / "nowhere")


def test_what_git_keeps_of_flix_holds_no_secret() -> None:
    verdict = check_tree(ROOT)

    assert (verdict.state, verdict.findings) == ("passed", [])
