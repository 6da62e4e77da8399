"""What all commands share: --json, exit codes, and failures that say what to do next."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from services.kit.core.failures import CommandFailed

Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to standard output.")]
# Where the launcher was called: it changes to the folder of Flix.
CALLED_FROM = "FLIX_CALLED_FROM"


class Answer:
    """The answer of a command: lines at once, or one document with `members`; with a problem the exit code is 1."""

    def __init__(self, *, as_json: bool):
        self.as_json = as_json
        self.members: dict[str, object] = {}
        self.problems: list[str] = []

    def line(self, text: str) -> None:
        """Write a line for people."""
        if not self.as_json:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def finish(self) -> None:
        """Write the document, or the problems to standard error."""
        if self.as_json:
            document = {"ok": not self.problems, "problems": self.problems, **self.members}
            sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        else:
            sys.stdout.flush()
            sys.stderr.writelines(f"{each}\n" for each in self.problems)


@contextmanager
def answering(*, as_json: bool, with_env_file: bool = True) -> Iterator[Answer]:
    """Do a command with the variables of `.env`; every failure that people can mend becomes a problem of its answer."""
    # What commands write has password hashes, keys and secrets.
    os.umask(0o077)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    answer = Answer(as_json=as_json)
    try:
        if with_env_file:
            from deploy import env_file

            env_file.load()
        yield answer
    except CommandFailed as error:
        answer.problems += error.lines
    except OSError as error:
        answer.problems.append(f"{error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        answer.problems.append("stopped")
    answer.finish()
    if answer.problems:
        raise typer.Exit(1)


def given_path(text: str) -> Path:
    """Return a path as its giver meant it: relative to the folder where the launcher was called."""
    folder = os.environ.get(CALLED_FROM, "")
    return Path(text) if not folder or Path(folder) == Path.cwd() else Path(folder) / text


def readable_size(number: float) -> str:
    """Return a number of bytes in a form for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:  # noqa: PLR2004 the step between the units
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows as lines whose cells stand below one another."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
