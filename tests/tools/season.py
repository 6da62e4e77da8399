"""A running installation with the demo season and the known admin of a local one, on which the examples work."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.installation import Installation, installation

ADMIN = {"username": "admin", "password": "admin123"}


@contextmanager
def demo_season(folder: Path) -> Iterator[Installation]:
    """Run a new installation in the folder."""
    with installation(folder, ADMIN_USERNAME=ADMIN["username"], ADMIN_PASSWORD=ADMIN["password"]) as stack:
        stack.sign_in = ADMIN
        stack.prepare("demo")
        stack.start()
        yield stack
