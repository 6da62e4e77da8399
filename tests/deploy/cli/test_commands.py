"""What the commands of `flix` say and do; the work itself is tested where it is."""

import errno
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer

from deploy import env_file, stack
from deploy.cli.answer import answering
from services.auth.config import LOCAL_ADMIN_PASSWORD
from services.kit.core.version import VERSION
from tests.deploy.cli.conftest import Flix

SLUG, EVENT_ID = "flix-mvp-launch-event", "event-public-1"


def rows(name: str, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"data/{name}.sqlite")) as connection:
        return connection.execute(query).fetchall()


def test_an_event_is_closed_and_opened_once_with_entries_of_a_command(flix: Flix) -> None:
    before = len(rows("content", "SELECT * FROM audit_log"))
    closed = [flix("event", "close", SLUG) for _ in range(2)]
    assert [each[:2] for each in closed] == [(0, f"{SLUG}: closed, public\n")] * 2
    assert flix("event", "open", EVENT_ID, "--json").document["item"]["isActive"] is True
    entries = "SELECT action, subject_id, actor_id, address FROM audit_log ORDER BY occurred_at, id"
    assert rows("content", entries)[before:] == [("event.changed", EVENT_ID, None, None)] * 2


def test_a_name_that_two_events_have_is_refused(flix: Flix) -> None:
    with closing(sqlite3.connect("data/content.sqlite")) as connection, connection:
        connection.execute(
            f"UPDATE events SET slug = '{EVENT_ID}', slug_form = '{EVENT_ID}' WHERE id = 'event-private-1'"
        )
    reason = f"'{EVENT_ID}' is the id of one event and the slug of another: name {SLUG} or event-private-1\n"
    assert flix("event", "close", EVENT_ID) == (1, "", reason)
    assert flix("event", "show", SLUG).code == 0


def test_an_event_is_shown_without_its_access_key(flix: Flix) -> None:
    ((key,),) = rows("content", "SELECT access_key FROM events WHERE id = 'event-private-1'")
    shown = [flix("event", "show", "event-private-1", *more) for more in ((), ("--json",))]
    assert shown[1].document["item"]["hasAccessKey"] is True
    assert key and not any(key in each.output for each in shown)


def test_people_get_failures_in_one_line_and_scripts_in_the_document(flix: Flix) -> None:
    reason = "there is no event 'nope': flix event list shows them"
    assert flix("event", "close", "nope") == (1, "", f"{reason}\n")
    assert flix("event", "close", "nope", "--json").document == {"ok": False, "problems": [reason]}


@pytest.mark.parametrize(
    "arguments",
    [("user", "add", "ada"), ("restore",), ("migrate", "down"), ("nothing",), ("user", "role", "a", "king")],
)
def test_wrong_usage_is_exit_code_2(flix: Flix, arguments: tuple[str, ...]) -> None:
    done = flix(*arguments)
    assert (done.code, done.output, done.errors.startswith("Usage: flix")) == (2, "", True)


def test_a_schema_behind_the_code_names_the_command_that_mends_it(flix: Flix) -> None:
    assert flix("migrate", "down", "--service", "auth", "--yes").code == 0
    line = "the schema of auth is behind the code: run flix migrate"
    assert flix("user", "list") == (1, "", f"{line}\n")
    assert line in flix("status").errors.splitlines()
    assert flix("migrate", "--json").document["services"] == {
        "auth": {"applied": ["007_list_of_people"]},
        "content": {"applied": []},
        "quiz": {"applied": []},
    }
    assert flix("user", "list").code == 0


def test_before_the_first_start_each_command_says_how_to_make_the_data(flix: Flix, folder: Path) -> None:
    shutil.rmtree(folder / "data")
    for arguments in (["user", "list"], ["check", "--service", "auth"], ["migrate", "check"]):
        assert flix(*arguments) == (1, "", "auth has no data yet: run flix up, which makes it\n")
    found = flix("status", "--json").document
    assert {each["schema"] for each in found["databases"]} == {"none"}
    assert {state for check, state in states(flix).items() if check.endswith(" data")} == {"ok"}


def test_migrate_makes_no_empty_database_for_a_lost_one(flix: Flix, folder: Path) -> None:
    (folder / "data/content.sqlite").unlink()
    assert states(flix)["content data"] == "problem"
    done = flix("migrate")
    assert (done.code, "content has no data at sqlite:///data/content.sqlite, while quiz has" in done.errors) == (
        1,
        True,
    )
    assert not (folder / "data/content.sqlite").exists()


def test_a_schema_unknown_to_this_code_names_a_command_of_flix(flix: Flix) -> None:
    with closing(sqlite3.connect("data/quiz.sqlite")) as connection, connection:
        connection.execute(
            "INSERT INTO schema_ledger SELECT '099_later', checksum, applied_at FROM schema_ledger LIMIT 1"
        )
        connection.execute("INSERT INTO migratehistory (name, migrated_at) VALUES ('099_later', '2026-01-01')")
    line = "deploy the code that does, or run flix migrate down --service quiz there"
    assert [each.endswith(line) for each in flix("status", "--json").document["problems"]] == [False, True]
    assert flix("check", "--alone", "--service", "quiz", "--json").document["findings"][0]["message"].endswith(line)


def test_check_counts_what_it_cannot_repair(flix: Flix) -> None:
    with closing(sqlite3.connect("data/auth.sqlite")) as connection, connection:
        connection.execute("UPDATE admins SET username = ' '")
    done = flix("check", "--alone", "--service", "auth", "--json")
    [finding] = done.document["findings"]
    assert (done.code, finding["service"], finding["table"], finding["repaired"]) == (1, "auth", "admins", False)
    assert done.document["problems"] == ["findings that remain: 1 (flix check --repair does those that are certain)"]


def test_check_says_how_to_check_what_others_must_answer(flix: Flix) -> None:
    done = flix("check", "--service", "quiz", "--json").document
    assert "not_checked" in {each["rule"] for each in done["findings"]}
    assert done["problems"][-1] == "start Flix to check the rules between services, or leave them out: --alone"


def test_config_names_the_source_of_each_value_and_hides_secrets(
    flix: Flix, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "a secret that nobody may read in the output"
    (folder / "secret").write_text(secret)
    (folder / ".env").write_text(
        f"RATE_LIMIT_MAX=7\nAPI_PORT=1\nSIGNING_KEY_SECRET_FILE={folder}/secret\nTRUSTED_PROXY=1\n"
        f"REDIS_URL='valkey://me:{secret.replace(' ', '')}@store:6379'\nSERVICE_TOKEN_SECRET='{secret}'\n"
    )
    monkeypatch.setenv("LOG_LEVEL", "error")
    shown, done = flix("config"), flix("config", "--json")
    found = {each["name"]: (each["value"], each["source"]) for each in done.document["settings"]}
    assert (shown.code, done.code) == (1, 1)
    assert found["RATE_LIMIT_MAX"] == ("7", ".env")
    assert found["RATE_LIMIT_ADDRESS_MAX"] == ("140", "default")
    assert found["API_PORT"] == (os.environ["API_PORT"], "environment")
    assert found["LOG_LEVEL"] == ("error", "environment")
    assert found["SIGNING_KEY_SECRET"] == ("(hidden)", "file")
    assert found["SERVICE_TOKEN_SECRET"] == ("(hidden)", ".env")
    assert found["REDIS_URL"] == ("valkey://me@store:6379", ".env")
    line = ".env, line 4: Flix has no variable TRUSTED_PROXY; the nearest is TRUSTED_PROXIES"
    assert (done.document["unknown"], done.document["problems"]) == ([line], [line])
    assert not any(text in shown.output + done.output for text in (secret, secret.replace(" ", "")))


def test_config_shows_every_variable_that_processes_here_read(flix: Flix) -> None:
    documented = {each.name for each in env_file.read(stack.ROOT / ".env.example")}
    shown = {each["name"] for each in flix("config", "--json").document["settings"]}
    # Compose reads these.
    assert documented - shown == {"API_BIND", "BACKUP_FOLDER", "BACKUP_USER"}
    assert shown - documented == {"FOLLOW_HEARTBEAT"}


def states(flix: Flix) -> dict[str, str]:
    """Return the worst state of each check."""
    found: dict[str, str] = {}
    for each in flix("doctor", "--json").document["checks"]:
        found[each["check"]] = max(
            found.get(each["check"], ""), each["state"], key=["", "ok", "warning", "problem"].index
        )
    return found


def test_doctor_finds_nothing_wrong_with_a_new_installation(flix: Flix) -> None:
    sound = dict.fromkeys(("python", "env file", "settings", "folders", "disk", "processes", "clock"), "ok")
    data = {f"{name} data": "ok" for name in stack.SERVICES}
    # A public password and no backup are fine on a machine of one's own.
    assert states(flix) == {**sound, **data, "secrets": "warning", "backup": "warning"}


def damage(_folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("data/quiz.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(16384))


def drift(_folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect("data/content.sqlite")) as connection, connection:
        connection.execute("UPDATE schema_ledger SET checksum = 'edited' WHERE name = '001_initial'")


def wrong_setting(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("SERVICE_THREADS=many\n")


def wrong_line(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("ADMIN_PASSWORD=pa$word\n")


def file_for_folder(_folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data/backups").write_text("")


def others_reach_it(_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_HOST", "0.0.0.0")


def later_entry(_folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect("data/auth.sqlite")) as connection, connection:
        connection.execute("DROP TRIGGER audit_log_no_UPDATE")
        connection.execute("UPDATE audit_log SET occurred_at = 4000000000000")


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (damage, "quiz data"),
        (drift, "content data"),
        (wrong_setting, "settings"),
        (wrong_line, "env file"),
        (file_for_folder, "folders"),
        (others_reach_it, "secrets"),
        (later_entry, "auth data"),
    ],
)
def test_doctor_finds_what_is_wrong(
    flix: Flix, folder: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, check: str
) -> None:
    spoil(folder, monkeypatch)
    assert states(flix)[check] == "problem"
    assert flix("doctor").code == 1


def test_each_disk_with_data_is_looked_at(flix: Flix, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A disk of its own that is always full.
    monkeypatch.setenv("QUIZ_DATABASE_URL", "sqlite:////proc/quiz.sqlite")
    assert flix("status", "--json").document["disk"] == {"path": "/proc", "freeBytes": 0, "totalBytes": 0}
    checks = [each for each in flix("doctor", "--json").document["checks"] if each["check"] == "disk"]
    assert [each["state"] for each in checks] == ["ok", "problem"]
    assert checks[1]["message"] == "0 bytes free (/proc)"


@pytest.mark.parametrize(("name", "value"), [("API_PORT", "many"), ("METRICS_HOST", "[::1")])
def test_an_address_that_is_none_ends_no_command(
    flix: Flix, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert "no process answers" in flix("status", "--json").document["problems"][0]
    assert flix("doctor", "--json").document["checks"]


def test_doctor_names_a_port_that_another_program_uses(flix: Flix) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(os.environ["QUIZ_PORT"])))
        found = [each for each in flix("doctor", "--json").document["checks"] if each["state"] == "problem"]
    [message] = [each["message"] for each in found]
    assert message.startswith(f"quiz: port {os.environ['QUIZ_PORT']} on 127.0.0.1 cannot be used")
    assert message.endswith(": stop what uses it, or set QUIZ_PORT")


def test_status_says_what_does_not_run_and_what_the_databases_hold(flix: Flix) -> None:
    done = flix("status", "--json").document
    assert {each["name"]: each["state"] for each in done["processes"]} == {
        "auth": "down",
        "content": "down",
        "quiz": "down",
        "follow-quiz": "down",
        "gateway": "down",
    }
    assert done["problems"] == ["no process answers: flix up starts them"]
    assert [(each["service"], each["schema"], each["pending"]) for each in done["databases"]] == [
        (name, "current", []) for name in stack.SERVICES
    ]
    assert all(each["bytes"] > 0 for each in done["databases"])
    changes = rows("content", "SELECT last_sequence FROM change_feed")[0][0]
    assert done["feed"] == {"changes": changes, "followed": None, "lag": changes, "followedAt": None}
    assert done["latestBackup"] is None
    file = flix("backup", "--json").document["file"]
    assert flix("status", "--json").document["latestBackup"]["file"] == file


def test_backups_that_cannot_be_read_are_not_called_none(flix: Flix) -> None:
    # As a folder that sudo has made, also for root.
    Path("data/backups").symlink_to("backups")
    reason = "data/backups cannot be read (Too many levels of symbolic links): let this user read it"
    assert reason in flix("status").errors.splitlines()
    checks = flix("doctor", "--json").document["checks"]
    assert [each["message"] for each in checks if each["check"] == "backup"] == [reason]
    assert "clock" in {each["check"] for each in checks}


@pytest.mark.usefixtures("flix")
def test_what_this_user_may_not_use_comes_with_advice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), answering(as_json=False, with_env_file=False):
        raise PermissionError(errno.EACCES, "Permission denied", "data/quiz.sqlite")
    expected = "data/quiz.sqlite: Permission denied: let this user use it, or call flix as its owner\n"
    assert capsys.readouterr().err == expected


def test_secrets_writes_all_that_production_needs_and_replaces_nothing(flix: Flix, folder: Path) -> None:
    site = folder / "my site"
    site.mkdir()
    made = flix("secrets", "--to", site, typed="https://learn.example\nada\n")
    assert made.code == 0
    values = {each.name: each.value for each in env_file.read(site / ".env")}
    urls = {f"{name.upper()}_DATABASE_URL": f"postgresql://u:p@h/{name}" for name in stack.SERVICES}
    places = {f"{name.upper()}_URL": f"http://{name}" for name in stack.SERVICES}
    files = {name: str(site / value) for name, value in values.items() if value.startswith("secrets/")}
    settings = stack.read_settings({**values, **files, **urls, **places, "DATABASE_PROFILE": "managed"})
    assert settings["gateway"].profile == "managed"
    secret_files = list((site / "secrets").iterdir())
    texts = {each.read_text() for each in secret_files}
    assert len(texts) == len(secret_files) == len(files) == 10
    assert {each.stat().st_mode & 0o777 for each in (*secret_files, site / ".env")} == {0o600}
    assert not any(text in made.output + made.errors for text in texts)

    again = flix("secrets", "--to", site, "--json")
    assert (again.code, again.document["made"], len(again.document["kept"])) == (0, [], 18)
    assert {each.read_text() for each in secret_files} == texts
    assert LOCAL_ADMIN_PASSWORD not in texts


@pytest.mark.parametrize("origin", ["learn.example", "https://a.example'\nX=1"])
def test_secrets_writes_nothing_after_a_wrong_answer(flix: Flix, folder: Path, origin: str) -> None:
    before = set(folder.iterdir())
    done = flix("secrets", "--origin", origin, "--admin", "ada")
    assert (done.code, done.errors != "", set(folder.iterdir())) == (1, True, before)


def test_the_completion_script_is_generated(flix: Flix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FLIX_COMPLETE", "source_bash")
    done = flix()
    assert (done.code, "complete -o default -F _flix_completion flix" in done.output) == (0, True)


def test_control_characters_of_titles_and_names_do_not_reach_the_terminal(flix: Flix) -> None:
    with closing(sqlite3.connect("data/content.sqlite")) as connection, connection:
        connection.execute("UPDATE events SET title = 'a\x1b[31m\nb\u202e' WHERE id = ?", [EVENT_ID])
    shown = flix("event", "list").output
    assert "a\\x1b[31m\\nb\\u202e\n" in shown and "\x1b" not in shown


@pytest.mark.parametrize("arguments", [("user", "enable", "\udcff"), ("event", "show", "\udcff")])
def test_names_that_are_not_utf_8_are_wrong_usage(flix: Flix, arguments: tuple[str, ...]) -> None:
    done = flix(*arguments)
    assert (done.code, "it is not UTF-8" in done.errors) == (2, True)


def test_a_name_that_is_taken_is_named(flix: Flix) -> None:
    line = "'admin' is there already: give another name, or reset-password for a lost one\n"
    assert flix("user", "add", "ADMIN", "--role", "viewer") == (1, "", line)


def test_secrets_without_answers_names_the_options(flix: Flix, folder: Path) -> None:
    before = set(folder.iterdir())
    done = flix("secrets", "--json")
    assert (done.code, done.document["problems"]) == (1, ["nobody answered: give --origin and --admin"])
    assert flix("secrets", "--origin", "https://learn.example", "--admin", "\udcff").code == 2
    assert set(folder.iterdir()) == before


def test_secrets_names_a_folder_that_is_none(flix: Flix, folder: Path) -> None:
    done = flix("secrets", "--to", "none", "--origin", "https://learn.example", "--admin", "ada")
    assert done == (1, "", "none is no folder: make it first\n")


def test_doctor_does_not_judge_settings_without_the_file_that_gives_them(flix: Flix, folder: Path) -> None:
    (folder / ".env").write_text("ADMIN_PASSWORD=pa$word\n")
    found = flix("doctor")
    assert (found.code, "not known while .env cannot be read" in found.output, "pa$word" in found.output) == (
        1,
        True,
        False,
    )
    assert "profile local" not in found.output


def test_the_version_is_shown(flix: Flix) -> None:
    assert flix("--version") == (0, f"{VERSION}\n", "")


def launched(folder: Path, redirections: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, whose streams the shell redirects, and whose answer nobody reads."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as unread:
        return subprocess.run(
            ["sh", "-c", f'"{sys.executable}" -m deploy.cli "$@" {redirections}', "sh", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(stack.ROOT)},
            stdout=unread,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )


FULL_DISK = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")


@pytest.mark.parametrize(
    ("redirections", "reason"),
    [
        ("", "Broken pipe"),
        (">&-", "standard output is closed"),
        pytest.param(">/dev/full", "No space left on device", marks=FULL_DISK),
    ],
)
def test_an_answer_that_is_lost_undoes_nothing_and_is_reported(
    flix: Flix, folder: Path, redirections: str, reason: str
) -> None:
    done = launched(folder, redirections, "user", "add", "grace", "--role", "viewer")
    advice = ": what was asked for is done; flix user reset-password makes another password"
    assert (done.returncode, done.stderr) == (1, f"the answer cannot be written ({reason}){advice}\n")
    assert [each["username"] for each in flix("user", "list", "--json").document["items"]] == ["admin", "grace"]


@pytest.mark.parametrize("arguments", [("event", "list"), ("--help",)])
def test_a_reader_that_has_read_enough_is_told_nothing(folder: Path, arguments: tuple[str, ...]) -> None:
    done = launched(folder, "", *arguments)
    assert (done.returncode, done.stderr) == (1, "")


def test_closed_standard_error_changes_nothing(folder: Path) -> None:
    assert launched(folder, ">/dev/null 2>&-", "check", "--alone", "--service", "auth").returncode == 0


def test_help_loads_no_database_driver_and_no_settings() -> None:
    script = "import deploy.cli.app, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=stack.ROOT, capture_output=True, text=True, check=True)
    assert {"typer"} <= set(done.stdout.split())
    assert {"peewee", "pydantic", "falcon", "httpx", "cryptography", "deploy.stack"}.isdisjoint(done.stdout.split())


def test_the_launcher_works_from_anywhere_and_in_a_folder_with_a_space(folder: Path) -> None:
    clone, elsewhere = folder / "my clone", folder / "else where"
    for each in (clone, elsewhere):
        each.mkdir()
    for name in ("deploy", "services", "gateway", "flix", "Makefile", ".venv", "requirements.lock", ".env.example"):
        (clone / name).symlink_to(stack.ROOT / name)
    (clone / "flix").unlink()
    (clone / "flix").write_bytes((stack.ROOT / "flix").read_bytes())
    (clone / "flix").chmod(0o755)
    (folder / "data").rename(clone / "data")

    # As a link on PATH.
    (elsewhere / "flix").symlink_to(clone / "flix")
    for arguments, place in ((["--to", "here"], elsewhere / "here"), ([], clone / "data/backups")):
        command = [str(elsewhere / "flix"), "backup", *arguments, "--json"]
        done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)

        assert (done.returncode, done.stderr) == (0, "")
        assert Path(json.loads(done.stdout)["file"]).parent == place
        assert len(list(place.iterdir())) == 1


def test_the_line_for_cron_keeps_the_newest_backups(folder: Path) -> None:
    for name in ("deploy", "services", "gateway", ".venv"):
        (folder / name).symlink_to(stack.ROOT / name)
    (line,) = re.findall(r"^17 3 \* \* \* (.+)", (stack.ROOT / "docs/data.md").read_text(), re.MULTILINE)
    command, variables = line.replace("/srv/flix", str(folder)), {"PATH": "/usr/bin:/bin", "BACKUP_KEEP": "1"}
    for _ in range(2):
        subprocess.run(["sh", "-c", command], cwd="/", env=variables, stdout=subprocess.DEVNULL, check=True)
    assert len(list((folder / "data/backups").iterdir())) == 1


def test_packages_of_another_python_are_named_with_the_way_out() -> None:
    command = [sys.executable, "-S", "-m", "deploy.cli", "status"]
    done = subprocess.run(command, cwd=stack.ROOT, capture_output=True, text=True, check=False)
    line = "typer is not in .venv, or is that of another Python: run make clean, then this again\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)


def test_an_environment_whose_python_is_gone_is_made_again(folder: Path) -> None:
    for name in ("flix", "Makefile", "requirements.lock"):
        shutil.copy(stack.ROOT / name, folder)
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to("/no/python")
    (folder / ".venv/run").touch()
    # A Python that only notes how it was called.
    (folder / "python").write_text('#!/bin/sh\necho "$@" >>called\n')
    (folder / "python").chmod(0o755)
    subprocess.run([folder / "flix"], env={**os.environ, "PYTHON": "./python"}, capture_output=True, check=False)
    assert (folder / "called").read_text().splitlines()[-1] == "-m venv --clear .venv"
    assert not (folder / ".venv/run").exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [("PATH=nowhere", "make is missing"), ("PYTHON=nowhere", "nowhere is missing: install Python 3.11 or later")],
)
def test_the_launcher_says_what_is_missing_and_fails_with_1(folder: Path, spoil: str, reason: str) -> None:
    for name in ("flix", "Makefile", "requirements.lock"):
        shutil.copy(stack.ROOT / name, folder)
    tools = folder / "tools"
    tools.mkdir()
    for name in ("dirname", "readlink", "sh", *(["make"] if spoil.startswith("PYTHON") else [])):
        (tools / name).symlink_to(str(shutil.which(name)))
    variables = {"PATH": str(tools), "PYTHON": spoil.removeprefix("PYTHON=")}
    done = subprocess.run([folder / "flix", "status"], env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.startswith(reason)) == (1, "", True)


def test_in_the_tools_container_folders_are_not_judged_and_silent_processes_are(
    flix: Flix, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_URL", f"http://127.0.0.1:{os.environ['API_PORT']}")
    assert {name: state for name, state in states(flix).items() if state != "ok"} == {
        "processes": "problem",
        "secrets": "warning",
    }
    for command, instead in (
        (["up"], "docker compose up --detach --wait"),
        (["secrets"], "deploy/production-env"),
        (["backup"], "deploy/backup-compose"),
        (["restore", "lost.tar"], "deploy/restore-compose FILE"),
        (["import", "lost.sqlite"], "deploy/import-baseline-compose FILE"),
    ):
        message = f"not in this container, which has none of the machine's files: call {instead} there\n"
        assert flix(*command) == (1, "", message)
    # A folder that was mounted is used.
    assert flix("backup", "--to", folder).code == 0
    assert "backup: not seen from here (docker compose ps backups)" in flix("status").output.splitlines()
    shown = {each["name"] for each in flix("config", "--json").document["settings"]}
    assert ("CORS_ORIGIN" in shown, "CONTENT_DATABASE_URL" in shown) == (False, True)
