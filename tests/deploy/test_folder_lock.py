"""deploy.folder_lock: what a second stack is told."""

import os
import threading
from pathlib import Path

import pytest

from deploy.folder_lock import locked, names_without_metrics, note_without_metrics
from deploy.stack import StartFailed
from tests.read_only import read_only


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        (str(os.getpid()), "the folder {0} is in use by another stack, process {1}: stop it first (kill {1})"),
        # Larger than any process id of Linux.
        ("4194305", "processes of an earlier stack still use the folder {0}: try again in a minute"),
    ],
    ids=["a running stack", "one that has ended"],
)
def test_a_locked_folder_names_the_stack_that_runs(tmp_path: Path, owner: str, reason: str) -> None:
    with locked(tmp_path):
        (tmp_path / "stack.lock").write_text(f"{owner}\n")
        with pytest.raises(StartFailed) as refused, locked(tmp_path, patience_seconds=0):
            pass
    assert str(refused.value) == reason.format(tmp_path, owner)


def test_a_stack_that_writes_its_process_late_is_named(tmp_path: Path) -> None:
    file = tmp_path / "stack.lock"
    with locked(tmp_path):
        file.write_text("")
        late = threading.Timer(0.2, file.write_text, [f"{os.getpid()}\n"])
        late.start()
        with pytest.raises(StartFailed) as refused, locked(tmp_path, patience_seconds=60):
            pass
        late.join()
    assert f"process {os.getpid()}: stop it first" in str(refused.value)


def test_what_a_stack_has_noted_holds_while_it_runs(tmp_path: Path) -> None:
    assert names_without_metrics(tmp_path) == []
    with locked(tmp_path) as lock:
        assert names_without_metrics(tmp_path) == []
        note_without_metrics(lock, tmp_path, ["content", "follow-quiz"])
        assert names_without_metrics(tmp_path) == ["content", "follow-quiz"]
        with pytest.raises(StartFailed) as refused, locked(tmp_path, patience_seconds=0):
            pass
    assert f"process {os.getpid()}: stop it first" in str(refused.value)
    # Larger than any process id of Linux.
    (tmp_path / "stack.lock").write_text("4194305\ncontent\n")
    assert names_without_metrics(tmp_path) == []


def test_a_folder_that_takes_no_lock_is_refused_in_one_line(tmp_path: Path) -> None:
    with read_only(tmp_path), pytest.raises(StartFailed) as refused, locked(tmp_path):
        pass
    begin, _, advice = str(refused.value).partition("): ")
    assert begin.startswith(f"the folder {tmp_path} cannot be written to (")
    assert advice == "let this user write there, or start in another folder"
