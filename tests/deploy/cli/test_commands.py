"""What the commands of `flix` for people, events, schemas and states say; the work itself is tested where it is."""

import os
import shutil
from pathlib import Path

import pytest

from deploy import stack
from tests.deploy.cli.conftest import Flix, execute, rows, states

SLUG, EVENT_ID = "flix-mvp-launch-event", "event-public-1"


def test_an_event_is_closed_and_opened_once_with_entries_of_a_command(flix: Flix) -> None:
    before = len(rows("content", "SELECT * FROM audit_log"))
    closed = [flix("event", "close", SLUG) for _ in range(2)]
    assert [each[:2] for each in closed] == [(0, f"{SLUG}: closed, public\n")] * 2
    assert flix("event", "open", EVENT_ID, "--json").document["item"]["isActive"] is True
    entries = "SELECT action, subject_id, actor_id, address FROM audit_log ORDER BY occurred_at, id"
    assert rows("content", entries)[before:] == [("event.changed", EVENT_ID, None, None)] * 2


def test_a_name_that_two_events_have_is_refused(flix: Flix) -> None:
    execute("content", f"UPDATE events SET slug = '{EVENT_ID}', slug_form = '{EVENT_ID}' WHERE id = 'event-private-1'")
    reason = f"'{EVENT_ID}' is the id of one event and the slug of another: name {SLUG} or event-private-1\n"
    assert flix("event", "close", EVENT_ID) == (1, "", reason)
    assert flix("event", "show", SLUG).code == 0


def test_an_event_is_shown_without_its_access_key(flix: Flix) -> None:
    ((key,),) = rows("content", "SELECT access_key FROM events WHERE id = 'event-private-1'")
    shown = [flix("event", "show", "event-private-1", *more) for more in ((), ("--json",))]
    assert shown[1].document["item"]["hasAccessKey"] is True
    assert key and not any(key in each.output for each in shown)


def test_a_name_that_is_taken_is_named(flix: Flix) -> None:
    line = "'admin' is there already: give another name, or reset-password for a lost one\n"
    assert flix("user", "add", "ADMIN", "--role", "viewer") == (1, "", line)


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
    line = "content has no data at sqlite:///data/content.sqlite, but there are rows of auth and quiz: "
    assert (done.code, line in done.errors) == (1, True)
    assert not (folder / "data/content.sqlite").exists()


def test_a_schema_unknown_to_this_code_names_a_command_of_flix(flix: Flix) -> None:
    execute(
        "quiz",
        "INSERT INTO schema_ledger SELECT '099_later', checksum, applied_at FROM schema_ledger LIMIT 1",
        "INSERT INTO migratehistory (name, migrated_at) VALUES ('099_later', '2026-01-01')",
    )
    line = "deploy the code that does, or run flix migrate down --service quiz there"
    assert [each.endswith(line) for each in flix("status", "--json").document["problems"]] == [False, True]
    assert flix("check", "--alone", "--service", "quiz", "--json").document["findings"][0]["message"].endswith(line)


def test_check_counts_what_it_cannot_repair(flix: Flix) -> None:
    execute("auth", "UPDATE admins SET username = ' '")
    done = flix("check", "--alone", "--service", "auth", "--json")
    [finding] = done.document["findings"]
    assert (done.code, finding["service"], finding["table"], finding["repaired"]) == (1, "auth", "admins", False)
    assert done.document["problems"] == ["findings that remain: 1 (flix check --repair does those that are certain)"]


def test_check_says_how_to_check_what_others_must_answer(flix: Flix) -> None:
    done = flix("check", "--service", "quiz", "--json").document
    assert "not_checked" in {each["rule"] for each in done["findings"]}
    assert done["problems"][-1] == "start Flix to check the rules between services, or leave them out: --alone"


@pytest.mark.parametrize(("name", "value"), [("API_PORT", "many"), ("METRICS_HOST", "[::1")])
def test_an_address_that_is_none_ends_no_command(
    flix: Flix, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert "no process answers" in flix("status", "--json").document["problems"][0]
    assert flix("doctor", "--json").document["checks"]


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
