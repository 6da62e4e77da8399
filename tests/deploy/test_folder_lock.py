"""deploy.folder_lock: what a second stack is told."""

import os
from pathlib import Path

import pytest

from deploy.folder_lock import locked
from deploy.stack import StartFailed


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
        with pytest.raises(StartFailed) as refused, locked(tmp_path):
            pass
    assert str(refused.value) == reason.format(tmp_path, owner)
