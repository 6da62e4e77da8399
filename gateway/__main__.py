"""`python -m gateway serve`."""

import os
import sys

from gateway.config import read_settings
from services.kit.core.config import SettingsError
from services.kit.web.serving import serve


def main(arguments: list[str]) -> int:
    """Serve, or print the problems of the settings, one line each; return the exit code."""
    if arguments != ["serve"]:
        sys.stderr.write("usage: python -m gateway serve\n")
        return 2
    try:
        serve(read_settings(os.environ), "gateway.app:create_app()")
    except SettingsError as error:
        sys.stderr.write("\n".join(error.problems) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
