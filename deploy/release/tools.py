"""The tools of the release check, as their own commands: that is the interface that they keep."""

import subprocess
import sys
from pathlib import Path


def run_tool(name: str, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What `.venv/bin/<name> arguments` says in that folder, however it ends."""
    program = Path(sys.executable).with_name(name)
    return subprocess.run(  # noqa: S603 a locked tool beside our own interpreter
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
