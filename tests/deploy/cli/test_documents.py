"""--json of each command: one document with the members that docs/operations.md names."""

import re
from pathlib import Path

import pytest

from deploy import stack
from tests.deploy.cli.conftest import Flix
from tests.deploy.import_baseline.examples import an_installation, write_baseline

DOCUMENTED = {
    command: set(re.findall(r"`(\w+)`", members))
    for command, members in re.findall(
        r"^\| `flix ([^`]+?)` \|[^|]*\|([^|]*)\|$", (stack.ROOT / "docs/operations.md").read_text(), re.MULTILINE
    )
}
# Each is the name in the table, the arguments, and the exit code where nothing runs.
CALLS = [
    ("status", ["status"], 1),
    ("doctor", ["doctor"], 0),
    ("config", ["config"], 0),
    ("secrets", ["secrets", "--admin", "ada", "--origin", "https://learn.example"], 0),
    ("user list", ["user", "list"], 0),
    ("user add NAME --role ROLE", ["user", "add", "grace", "--role", "editor"], 0),
    ("user reset-password NAME", ["user", "reset-password", "admin"], 0),
    ("user role NAME ROLE", ["user", "role", "admin", "owner"], 0),
    ("user disable NAME", ["user", "disable", "other"], 0),
    ("user enable NAME", ["user", "enable", "admin"], 0),
    ("event list", ["event", "list"], 0),
    ("event show EVENT", ["event", "show", "event-public-1"], 0),
    ("event open EVENT", ["event", "open", "event-public-1"], 0),
    ("event close EVENT", ["event", "close", "flix-mvp-launch-event"], 0),
    ("backup", ["backup"], 0),
    ("restore FILE", ["restore", "--yes"], 0),
    ("import FILE", ["import"], 0),
    ("migrate", ["migrate"], 0),
    ("check", ["check", "--alone"], 0),
]
# It starts three processes.
LONG = {"restore FILE": pytest.mark.full}


def test_every_command_is_documented() -> None:
    assert set(DOCUMENTED) == {"up", *(name for name, _, _ in CALLS)}


@pytest.mark.parametrize(
    ("command", "arguments", "code"),
    [pytest.param(*each, id=each[0], marks=LONG.get(each[0], ())) for each in CALLS],
)
def test_the_document_has_its_members(flix: Flix, command: str, arguments: list[str], code: int) -> None:
    if command == "restore FILE":
        arguments = [*arguments, flix("backup", "--json").document["file"]]
    if command == "import FILE":
        arguments = [*arguments, "--skip-invalid", str(write_baseline(Path("old.sqlite"), an_installation()))]
    if command == "user disable NAME":
        assert flix("user", "add", "other", "--role", "viewer").code == 0

    done = flix(*arguments, "--json")

    assert done.code == code, done
    assert set(done.document) == {"ok", "problems", *DOCUMENTED[command]}
    assert (done.document["ok"], done.document["problems"] == []) == (code == 0, code == 0)
