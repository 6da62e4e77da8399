"""How `flix` is called and answers: usage, failures, streams that nobody reads, and the launcher."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from deploy import stack
from deploy.cli.answer import answering
from services.kit.core.version import VERSION
from tests.deploy.cli.conftest import Flix, execute


def test_the_version_is_shown(flix: Flix) -> None:
    assert flix("--version") == (0, f"{VERSION}\n", "")


def test_the_completion_script_is_generated(flix: Flix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FLIX_COMPLETE", "source_bash")
    done = flix()
    assert (done.code, "complete -o default -F _flix_completion flix" in done.output) == (0, True)


@pytest.mark.parametrize(
    "arguments",
    [("user", "add", "ada"), ("restore",), ("migrate", "down"), ("nothing",), ("user", "role", "a", "king")],
)
def test_wrong_usage_is_exit_code_2(flix: Flix, arguments: tuple[str, ...]) -> None:
    done = flix(*arguments)
    assert (done.code, done.output, done.errors.startswith("Usage: flix")) == (2, "", True)


def test_people_get_failures_in_one_line_and_scripts_in_the_document(flix: Flix) -> None:
    reason = "there is no event 'nope': flix event list shows them"
    assert flix("event", "close", "nope") == (1, "", f"{reason}\n")
    assert flix("event", "close", "nope", "--json").document == {"ok": False, "problems": [reason]}


@pytest.mark.usefixtures("flix")
def test_what_this_user_may_not_use_comes_with_advice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), answering(as_json=False, with_env_file=False):
        raise PermissionError(errno.EACCES, "Permission denied", "data/quiz.sqlite")
    expected = "data/quiz.sqlite: Permission denied: let this user use it, or call flix as its owner\n"
    assert capsys.readouterr().err == expected


def test_control_characters_of_titles_and_names_do_not_reach_the_terminal(flix: Flix) -> None:
    execute("content", "UPDATE events SET title = 'a\x1b[31m\nb\u202e'")
    shown = flix("event", "list").output
    assert "a\\x1b[31m\\nb\\u202e\n" in shown and "\x1b" not in shown


@pytest.mark.parametrize("arguments", [("user", "enable", "\udcff"), ("event", "show", "\udcff")])
def test_names_that_are_not_utf_8_are_wrong_usage(flix: Flix, arguments: tuple[str, ...]) -> None:
    done = flix(*arguments)
    assert (done.code, "it is not UTF-8" in done.errors) == (2, True)


def launched(folder: Path, redirections: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, whose streams the shell redirects, and whose answer nobody reads."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as unread:
        return subprocess.run(
            ["sh", "-c", f'"{sys.executable}" -m deploy.cli "$@" {redirections}', "sh", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(stack.ROOT)},
            stdout=unread,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )


FULL_DISK = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")


@pytest.mark.parametrize(
    ("redirections", "reason"),
    [
        ("", "Broken pipe"),
        (">&-", "standard output is closed"),
        pytest.param(">/dev/full", "No space left on device", marks=FULL_DISK),
    ],
)
def test_an_answer_that_is_lost_undoes_nothing_and_is_reported(
    flix: Flix, folder: Path, redirections: str, reason: str
) -> None:
    done = launched(folder, redirections, "user", "add", "grace", "--role", "viewer")
    advice = ": what was asked for is done; flix user reset-password makes another password"
    assert (done.returncode, done.stderr) == (1, f"the answer cannot be written ({reason}){advice}\n")
    assert [each["username"] for each in flix("user", "list", "--json").document["items"]] == ["admin", "grace"]


@pytest.mark.parametrize("arguments", [("event", "list"), ("--help",)])
def test_a_reader_that_has_read_enough_is_told_nothing(folder: Path, arguments: tuple[str, ...]) -> None:
    done = launched(folder, "", *arguments)
    assert (done.returncode, done.stderr) == (1, "")


def test_closed_standard_error_changes_nothing(folder: Path) -> None:
    assert launched(folder, ">/dev/null 2>&-", "check", "--alone", "--service", "auth").returncode == 0


def test_the_launcher_works_from_anywhere_and_in_a_folder_with_a_space(folder: Path) -> None:
    clone, elsewhere = folder / "my clone", folder / "else where"
    for each in (clone, elsewhere):
        each.mkdir()
    for name in ("deploy", "services", "gateway", "flix", "Makefile", ".venv", "requirements.lock", ".env.example"):
        (clone / name).symlink_to(stack.ROOT / name)
    (clone / "flix").unlink()
    (clone / "flix").write_bytes((stack.ROOT / "flix").read_bytes())
    (clone / "flix").chmod(0o755)
    (folder / "data").rename(clone / "data")

    # As a link on PATH.
    (elsewhere / "flix").symlink_to(clone / "flix")
    for arguments, place in ((["--to", "here"], elsewhere / "here"), ([], clone / "data/backups")):
        command = [str(elsewhere / "flix"), "backup", *arguments, "--json"]
        done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)

        assert (done.returncode, done.stderr) == (0, "")
        assert Path(json.loads(done.stdout)["file"]).parent == place
        assert len(list(place.iterdir())) == 1


def test_the_line_for_cron_keeps_the_newest_backups(folder: Path) -> None:
    for name in ("deploy", "services", "gateway", ".venv"):
        (folder / name).symlink_to(stack.ROOT / name)
    (line,) = re.findall(r"^17 3 \* \* \* (.+)", (stack.ROOT / "docs/data.md").read_text(), re.MULTILINE)
    command, variables = line.replace("/srv/flix", str(folder)), {"PATH": "/usr/bin:/bin", "BACKUP_KEEP": "1"}
    for _ in range(2):
        subprocess.run(["sh", "-c", command], cwd="/", env=variables, stdout=subprocess.DEVNULL, check=True)
    assert len(list((folder / "data/backups").iterdir())) == 1


def test_packages_of_another_python_are_named_with_the_way_out() -> None:
    command = [sys.executable, "-S", "-m", "deploy.cli", "status"]
    done = subprocess.run(command, cwd=stack.ROOT, capture_output=True, text=True, check=False)
    line = "typer is not in .venv, or is that of another Python: run make clean, then this again\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)


def test_an_environment_whose_python_is_gone_is_made_again(folder: Path) -> None:
    for name in ("flix", "Makefile", "requirements.lock"):
        shutil.copy(stack.ROOT / name, folder)
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to("/no/python")
    (folder / ".venv/run").touch()
    # A Python that only notes how it was called.
    (folder / "python").write_text('#!/bin/sh\necho "$@" >>called\n')
    (folder / "python").chmod(0o755)
    subprocess.run([folder / "flix"], env={**os.environ, "PYTHON": "./python"}, capture_output=True, check=False)
    assert (folder / "called").read_text().splitlines()[-1] == "-m venv --clear .venv"
    assert not (folder / ".venv/run").exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [("PATH=nowhere", "make is missing"), ("PYTHON=nowhere", "nowhere is missing: install Python 3.11 or later")],
)
def test_the_launcher_says_what_is_missing_and_fails_with_1(folder: Path, spoil: str, reason: str) -> None:
    for name in ("flix", "Makefile", "requirements.lock"):
        shutil.copy(stack.ROOT / name, folder)
    tools = folder / "tools"
    tools.mkdir()
    for name in ("dirname", "readlink", "sh", *(["make"] if spoil.startswith("PYTHON") else [])):
        (tools / name).symlink_to(str(shutil.which(name)))
    variables = {"PATH": str(tools), "PYTHON": spoil.removeprefix("PYTHON=")}
    done = subprocess.run([folder / "flix", "status"], env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.startswith(reason)) == (1, "", True)
