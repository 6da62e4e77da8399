"""The environment file of production, as `deploy/production-env` writes it."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from deploy import env_file
from deploy.stack import ROOT
from services.kit.core.failures import CommandFailed

SCRIPT = ROOT / "deploy/production-env"
QUESTIONS = {
    "CORS_ORIGIN": "The sites whose pages call the API, such as https://learn.example.org, with commas",
    "ADMIN_USERNAME": "The name of the first admin",
}


class Written(NamedTuple):
    """The environment file, the names that were added to it, and those that it had."""

    file: Path
    made: list[str]
    kept: list[str]


def write_production(folder: Path, given: Mapping[str, str | None], ask: Callable[[str], str]) -> Written:
    """Add what production needs and `.env` does not have; ask for what is not given. Raise CommandFailed.

    Nothing that is there is replaced: PostgreSQL keeps the passwords of its first start.
    """
    if not folder.is_dir():
        raise CommandFailed(f"{folder} is no folder: make it first")
    file = folder / ".env"
    kept = _names(file)
    answers = [given[name] or ("" if name in kept else ask(QUESTIONS[name])) for name in QUESTIONS]
    done = subprocess.run(  # noqa: S603 our own script
        [SCRIPT, *answers],
        env={**os.environ, "TO": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(done.stderr)
    return Written(file, [each for each in _names(file) if each not in kept], kept)


def _names(file: Path) -> list[str]:
    return [each.name for each in env_file.read(file)]
