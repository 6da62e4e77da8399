"""flix doctor: what it finds, and what it says of it."""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deploy import stack
from tests.deploy.cli.conftest import Flix, execute, states


def damage() -> None:
    with Path("data/quiz.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(16384))


SPOIL: Mapping[str, Callable[[], object]] = {
    "quiz data": damage,
    "content data": lambda: execute(
        "content", "UPDATE schema_ledger SET checksum = 'edited' WHERE name = '001_initial'"
    ),
    "settings": lambda: Path(".env").write_text("SERVICE_THREADS=many\n"),
    "folders": lambda: Path("data/backups").write_text(""),
    "secrets": lambda: os.environ.update(API_HOST="0.0.0.0"),
    # An entry that is yet to come.
    "auth data": lambda: execute(
        "auth", "DROP TRIGGER audit_log_no_UPDATE", "UPDATE audit_log SET occurred_at = 4000000000000"
    ),
}


def test_doctor_finds_nothing_wrong_with_a_new_installation(flix: Flix) -> None:
    sound = dict.fromkeys(("python", "env file", "settings", "folders", "disk", "processes", "clock"), "ok")
    data = {f"{name} data": "ok" for name in stack.SERVICES}
    # A public password and no backup are fine on a machine of one's own.
    assert states(flix) == {**sound, **data, "secrets": "warning", "backup": "warning"}


@pytest.mark.parametrize("check", SPOIL)
def test_doctor_finds_what_is_wrong(flix: Flix, check: str) -> None:
    SPOIL[check]()
    assert states(flix)[check] == "problem"
    assert flix("doctor").code == 1


def test_doctor_does_not_judge_settings_without_the_file_that_gives_them(flix: Flix, folder: Path) -> None:
    (folder / ".env").write_text("ADMIN_PASSWORD=pa$word\n")
    found = flix("doctor")
    assert (found.code, states(flix)["env file"]) == (1, "problem")
    shown = ("not known while .env cannot be read", "pa$word", "profile local")
    assert [text in found.output for text in shown] == [True, False, False]


def test_each_disk_with_data_is_looked_at(flix: Flix, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A disk of its own that is always full.
    monkeypatch.setenv("QUIZ_DATABASE_URL", "sqlite:////proc/quiz.sqlite")
    assert flix("status", "--json").document["disk"] == {"path": "/proc", "freeBytes": 0, "totalBytes": 0}
    checks = [each for each in flix("doctor", "--json").document["checks"] if each["check"] == "disk"]
    assert [each["state"] for each in checks] == ["ok", "problem"]
    assert checks[1]["message"] == "0 bytes free (/proc)"


def test_doctor_names_a_port_that_another_program_uses(flix: Flix) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(os.environ["QUIZ_PORT"])))
        found = [each for each in flix("doctor", "--json").document["checks"] if each["state"] == "problem"]
    [message] = [each["message"] for each in found]
    assert message.startswith(f"quiz: port {os.environ['QUIZ_PORT']} on 127.0.0.1 cannot be used")
    assert message.endswith(": stop what uses it, or set QUIZ_PORT")
