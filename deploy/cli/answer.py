"""What all commands share: --json, exit codes, and failures that say what to do next."""

import errno
import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from deploy.env_file import with_own_commands
from deploy.output import write
from deploy.signals import on_end
from services.kit.core.failures import CommandFailed

Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to standard output.")]
BROKEN_PIPE = os.strerror(errno.EPIPE)
# Those of terminals, and those that override the direction of a text.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# Where the launcher was called: it changes to the folder of Flix.
CALLED_FROM = "FLIX_CALLED_FROM"


class Answer:
    """The answer of a command: lines at once, or one document with `members`; with a problem the exit code is 1.

    Output that cannot be written never stops the work: what was begun is finished, and then reported.
    """

    def __init__(self, *, as_json: bool):
        self.as_json = as_json
        self.members: dict[str, object] = {}
        self.problems: list[str] = []
        # What to do where the answer was lost, as that of a command whose answer comes only once.
        self.if_lost = ""
        self._lost: str | None = None

    def line(self, text: str) -> None:
        """Write a line for people."""
        if not self.as_json:
            self._write(visible(with_own_commands(text)))

    def finish(self) -> None:
        """Write the document, or the problems to standard error."""
        self.problems = [with_own_commands(each) for each in self.problems]
        if self.as_json:
            document = {"ok": not self.problems, "problems": self.problems, **self.members}
            is_unicode = sys.stdout is not None and sys.stdout.encoding.lower() == "utf-8"
            self._write(json.dumps(document, ensure_ascii=not is_unicode))
        else:
            write_errors(self.problems)
        if self._lost is not None:
            self.problems.append("the answer was lost")
            # A reader that has ended, as that of `flix user list | head`, needs no message.
            if self.if_lost or self._lost != BROKEN_PIPE:
                write_errors([f"the answer cannot be written ({self._lost}){self.if_lost}"])

    def _write(self, text: str) -> None:
        if self._lost is None:
            self._lost = write(sys.stdout, f"{text}\n")


def write_errors(lines: Sequence[str]) -> None:
    """Write lines to standard error, where that is possible."""
    write(sys.stderr, "".join(f"{visible(each)}\n" for each in lines))


def visible(text: str) -> str:
    """Return the text with its control characters as escapes: they would change the terminal."""
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)


@contextmanager
def answering(*, as_json: bool, with_env_file: bool = True) -> Iterator[Answer]:
    """Do a command with the variables of `.env`; every failure that people can mend becomes a problem of its answer."""
    # What commands write has password hashes, keys and secrets.
    os.umask(0o077)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Of a terminal that is not UTF-8, or a file name that is not.
            stream.reconfigure(errors="backslashreplace")
    on_end(signal.default_int_handler)
    answer = Answer(as_json=as_json)
    try:
        if with_env_file:
            from deploy import env_file

            env_file.load()
        yield answer
    except CommandFailed as error:
        answer.problems += error.lines
    except OSError as error:
        advice = ": let this user use it, or call flix as its owner" if isinstance(error, PermissionError) else ""
        answer.problems.append(f"{error.filename or 'the system'}: {error.strerror or error}{advice}")
    except KeyboardInterrupt:
        answer.problems.append("stopped")
    answer.finish()
    if answer.problems:
        raise typer.Exit(1)


def given_text(text: str) -> str:
    """Return a text from the command line. Raise BadParameter where it is not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise typer.BadParameter("it is not UTF-8") from None
    return text


def given_path(text: str | Path) -> Path:
    """Return a path as its giver meant it: of a text, in the folder where the launcher was called.

    A default, which is a Path, is in the folder of Flix wherever that was, as that of a backup by cron.
    """
    folder = Path(os.environ.get(CALLED_FROM, "") or ".")
    if folder.absolute() == Path.cwd():
        return Path(text)
    return (Path.cwd() if isinstance(text, Path) else folder) / text


# --help shows these names as the types.
given_text.__name__, given_path.__name__ = "text", "path"


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
