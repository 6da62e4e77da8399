"""services.kit.storage.write_turns: those who write to a SQLite file wait for their turn, without polling for it."""

import sys
import textwrap
import threading
from pathlib import Path
from subprocess import PIPE, Popen

import peewee
import pytest

from services.kit.storage import write_turns
from services.kit.storage.database import open_database, transaction
from services.kit.storage.write_turns import write_turn

WRITES = 30
# SQLite's own handler would give up at once.
WRITER = textwrap.dedent(
    """
    import sys
    from services.kit.storage.database import open_database, transaction

    database = open_database(sys.argv[1])
    database.timeout = 0
    database.connect()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[2])):
        with transaction(database):
            database.execute_sql("UPDATE counted SET value = value + 1")
    """
)


def impatient(url: str) -> peewee.Database:
    """Open the database without SQLite's own waiting."""
    database = open_database(url)
    assert isinstance(database, peewee.SqliteDatabase)
    database.timeout = 0
    return database


def test_threads_and_processes_write_in_turn(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'counted.sqlite'}"
    database = impatient(url)
    database.execute_sql("CREATE TABLE counted (value INTEGER)")
    database.execute_sql("INSERT INTO counted VALUES (0)")
    others = [
        Popen([sys.executable, "-c", WRITER, url, str(WRITES)], stdin=PIPE, stdout=PIPE, text=True) for _ in range(2)
    ]
    for each in others:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    failures: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(WRITES):
                with transaction(database):
                    database.execute_sql("UPDATE counted SET value = value + 1")
        except peewee.OperationalError as error:
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    results = [each.communicate("\n", timeout=60) and each.returncode for each in others]
    for thread in threads:
        thread.join(60)
    (written,) = database.execute_sql("SELECT value FROM counted").fetchone()
    database.close()
    assert (failures, results, written) == ([], [0, 0], 6 * WRITES)


def test_who_waits_too_long_for_the_threads_of_this_process_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_turns, "TURN_SECONDS", 0)
    file = str(tmp_path / "counted.sqlite")
    with write_turn(file), pytest.raises(peewee.OperationalError, match="locked"), write_turn(file):
        pass
    with write_turn(file):
        pass


def test_without_a_file_for_the_queue_sqlite_decides(tmp_path: Path) -> None:
    with write_turn(str(tmp_path / "absent" / "counted.sqlite")):
        pass
