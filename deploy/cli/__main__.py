"""`python -m deploy.cli`, which the launchers `flix` run."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def main() -> None:
    """Run the command line."""
    # Until a command takes it, Ctrl-C ends this process at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _open_closed_streams()
    try:
        from deploy.cli.answer import write_errors
        from deploy.cli.app import app
        from deploy.output import forget
    except ModuleNotFoundError as error:
        # As after an upgrade of the system's Python, to which the environment links.
        sys.exit(f"{error.name} is not in .venv, or is that of another Python: run make clean, then this again")

    try:
        app(prog_name="flix")
    except OSError as error:
        # Help that cannot be written; the commands report their own.
        write_errors([f"the answer cannot be written ({error.strerror})"])
        forget(sys.stdout)
        sys.exit(1)


def _open_closed_streams() -> None:
    """Give descriptors 0 to 2 to nothing where they are closed: a database's file would get one, and all output."""
    for number in range(3):
        with suppress(OSError):
            os.fstat(number)
            continue
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 as long as this process


if __name__ == "__main__":
    main()
