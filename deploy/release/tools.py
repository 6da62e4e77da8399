"""The tools of the release check, run as commands: their command line is their stable interface."""

import subprocess
import sys
from pathlib import Path


def run_tool(name: str, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `.venv/bin/<name> arguments` in the folder and return its outcome, also when it fails."""
    program = Path(sys.executable).with_name(name)
    return subprocess.run(  # noqa: S603 a locked tool beside our own interpreter
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
