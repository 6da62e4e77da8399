"""A full disk: writes are refused clearly, reads work, and with room again everything works."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.contract.samples import catalog_address, new_event
from tests.faults.stack import FaultStack, fault_stack
from tests.faults.writing import WRITERS, losses, writing, written_by_half
from tests.figures import Figure, so_many
from tests.installation import ENGINES, SERVICES
from tests.postgresql import NoPostgresql, durable_server
from tests.without import do_without

ROUNDS = so_many(1, 5)
WRITES = 10
CHUNK_BYTES = 1024 * 1024
MEGABYTES = {"sqlite": 24, "postgresql": 128}


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Mount a small file system."""
    place = Path(tempfile.mkdtemp(prefix="flix-small-disk-"))
    # The user of PostgreSQL must be able to enter.
    place.chmod(0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)], capture_output=True, check=False
    )
    try:
        if mounted.returncode:
            do_without("small disk", f"mounting a tmpfs needs root ({mounted.stderr.decode().strip()})")
        yield place
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Fill the disk until the block ends."""
    filler = disk / "filler"
    # In smaller and smaller chunks, until not even one byte fits.
    with filler.open("wb", buffering=0) as file:
        for size in (CHUNK_BYTES, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        filler.unlink()


@pytest.fixture(params=ENGINES)
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[FaultStack, Path]]:
    """A stack whose databases are on a small disk, and that disk."""
    with ExitStack() as resources:
        disk = resources.enter_context(small_disk(MEGABYTES[request.param]))
        if request.param == "sqlite":
            files = {service: f"sqlite:///{disk / service}.sqlite" for service in SERVICES}
            yield resources.enter_context(fault_stack(tmp_path, None, files)), disk
            return
        rows = disk / "data"
        rows.mkdir()
        # The write-ahead log is on another disk, as PostgreSQL's manual advises: without room for it the server stops.
        log = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="flix-log-")))
        try:
            server = resources.enter_context(durable_server(rows, log))
        except NoPostgresql as reason:
            do_without("PostgreSQL", str(reason))
        yield resources.enter_context(fault_stack(tmp_path, server)), disk


@pytest.mark.full
def test_a_full_disk_refuses_writes_only_until_there_is_room(
    small: tuple[FaultStack, Path], request: pytest.FixtureRequest, figure: Figure
) -> None:
    stack, disk = small
    stack.heal()
    processes = stack.process_ids()
    with stack.admin() as admin:
        event, token = new_event(admin), admin.headers["Authorization"]

    def read(client: httpx.Client) -> list[int]:
        responses = [client.get("/api/events"), client.get("/api/quizzes"), client.post(catalog_address(event))]
        return [response.status_code for response in responses]

    with stack.client(Authorization=token) as reader, writing(stack, *WRITERS.values()) as journal:
        for _ in range(ROUNDS):
            journal.await_more(WRITES, *SERVICES)
            with filled(disk):
                journal.await_refusals(WRITES, *SERVICES)
                assert read(reader) == [200, 200, 200]
            journal.await_more(WRITES, *SERVICES)

    lost, halves = losses(stack, journal), written_by_half(stack)
    figure(
        f"{request.node.callspec.id}, disk full {ROUNDS} times under writers: {len(journal.acknowledged)} writes "
        f"acknowledged, refused {journal.statuses()}, lost {len(lost)}, half there {len(halves)}, restarts 0"
    )
    assert (lost, halves, stack.findings()) == ([], [], [])
    assert stack.process_ids() == processes
