"""A PgBouncer in transaction mode for the tests: Debian's program before a server of tests/postgresql.py."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.leftovers import record_process
from tests.ports import free_port
from tests.postgresql import Server, start_unprivileged
from tests.waiting import until
from tests.without import do_without

# Connections to the server, for each database.
POOL_SIZE = 5
# Debian installs it where only root looks.
_PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
_SETTINGS = """[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 1000
"""


class Pooler:
    """A running PgBouncer, on which databases of its server may be created and dropped."""

    def __init__(self, server: Server, port: int):
        self._server = server
        self._port = port

    def url(self, url: str) -> str:
        """Return the URL of the same database behind the pooler."""
        parts = urlsplit(url)
        return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{self._port}").geturl()

    def create_database(self) -> str:
        """Create an empty database, and return its URL behind the pooler."""
        return self.url(self._server.create_database())

    def drop_database(self, url: str) -> None:
        """Drop it with all connections to it."""
        self._server.drop_database(url)


@contextmanager
def running_pooler(server: Server) -> Iterator[Pooler]:
    """Run one while the block lasts; without the program the test is skipped, or fails in CI."""
    program = shutil.which("pgbouncer", path=_PLACES)
    if program is None:
        do_without("PgBouncer", "there is no pgbouncer here: install Debian's package of this name")
    own_port, place = free_port(), urlsplit(server.url)
    folder = Path(tempfile.mkdtemp(prefix="flix-pgbouncer-"))
    users, settings = folder / "users", folder / "settings.ini"
    users.write_text(f'"{place.username}" "{place.password}"\n')
    host, port = place.hostname, place.port or 5432
    settings.write_text(
        _SETTINGS.format(host=host, port=port, own_port=own_port, users=users, pool_size=POOL_SIZE), encoding="utf-8"
    )
    if os.geteuid() == 0:
        for each in (folder, users, settings):
            shutil.chown(each, "postgres", "postgres")
    process = start_unprivileged(folder, program, settings)
    record_process(process.pid)
    pooler = Pooler(server, own_port)
    try:
        until(lambda: process.poll() is not None or _is_ready(pooler.url(server.url)), "a PgBouncer that is ready")
        assert process.poll() is None, (folder / "log").read_text()
        yield pooler
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _is_ready(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
