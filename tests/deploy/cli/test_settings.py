"""flix config and flix secrets."""

import os
from pathlib import Path

import pytest

from deploy import env_file, stack
from services.auth.config import LOCAL_ADMIN_PASSWORD
from tests.deploy.cli.conftest import Flix


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


def test_secrets_writes_nothing_after_a_wrong_answer(flix: Flix, folder: Path) -> None:
    before = set(folder.iterdir())
    done = flix("secrets", "--origin", "learn.example", "--admin", "ada")
    assert (done.code, done.errors != "", set(folder.iterdir())) == (1, True, before)


def test_secrets_without_answers_names_the_options(flix: Flix, folder: Path) -> None:
    before = set(folder.iterdir())
    done = flix("secrets", "--json")
    assert (done.code, done.document["problems"]) == (1, ["nobody answered: give --origin and --admin"])
    assert flix("secrets", "--origin", "https://learn.example", "--admin", "\udcff").code == 2
    assert set(folder.iterdir()) == before


def test_secrets_names_a_folder_that_is_none(flix: Flix, folder: Path) -> None:
    done = flix("secrets", "--to", "none", "--origin", "https://learn.example", "--admin", "ada")
    assert done == (1, "", "none is no folder: make it first\n")
