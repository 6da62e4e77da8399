"""Output that perhaps nobody can read any longer, which ends no work."""

import os
from pathlib import Path
from typing import TextIO


def write(stream: TextIO | None, text: str) -> str | None:
    """Write the text at once; return None, or why it cannot be written."""
    if stream is None:
        return "standard output is closed"
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        forget(stream)
        return error.strerror or str(error)
    return None


def forget(stream: TextIO) -> None:
    """Let what could not be written go: otherwise the interpreter tries it again at its end, and complains."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
