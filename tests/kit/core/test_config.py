"""services.kit.core.config: settings from the environment, and every problem of it at once, a line each."""

from dataclasses import asdict
from pathlib import Path

import pytest

import gateway.config
from services.kit.core.config import LOCAL_SERVICE_SECRET, Environment, ServiceSettings, SettingsError

SECRET = "0123456789abcdef0123456789abcdef"
MANAGED = {
    "DATABASE_PROFILE": "managed",
    "MINE_DATABASE_URL": "postgresql://flix:secret@db.example/mine",
    "AUTH_URL": "http://auth:3013",
    "SERVICE_TOKEN_SECRET": SECRET,
}


def read(variables: dict[str, str]) -> ServiceSettings:
    """The settings that a service named mine would have."""
    environment = Environment(variables)
    settings = ServiceSettings.read(environment, "mine", 3099)
    environment.close()
    return settings


def problems_of(variables: dict[str, str]) -> list[str]:
    """What is said of that environment."""
    with pytest.raises(SettingsError) as refusal:
        read(variables)
    assert str(refusal.value) == "\n".join(refusal.value.problems)
    return refusal.value.problems


def test_an_empty_environment_is_the_local_profile() -> None:
    assert asdict(read({})) == {
        "name": "mine",
        "profile": "local",
        "host": "127.0.0.1",
        "port": 3099,
        "workers": 1,
        "log_level": "info",
        "service_secret": LOCAL_SERVICE_SECRET,
        "auth_url": "http://127.0.0.1:3013",
        "body_timeout_seconds": 10,
        "database_url": "sqlite:///data/mine.sqlite",
        "threads": 8,
        "database_wait_seconds": 30,
        "integrity_interval_seconds": 300,
    }


def test_what_is_set_is_read() -> None:
    variables = {
        **MANAGED,
        "SERVICE_HOST": "0.0.0.0",
        "MINE_PORT": "65535",
        "WEB_CONCURRENCY": "4",
        "LOG_LEVEL": "warning",
        "SERVICE_THREADS": "64",
        "REQUEST_BODY_TIMEOUT_SECONDS": "4",
    }
    assert asdict(read(variables)) == {
        "name": "mine",
        "profile": "managed",
        "host": "0.0.0.0",
        "port": 65535,
        "workers": 4,
        "log_level": "warning",
        "service_secret": SECRET,
        "auth_url": "http://auth:3013",
        "body_timeout_seconds": 4,
        "database_url": "postgresql://flix:secret@db.example/mine",
        "threads": 64,
        "database_wait_seconds": 30,
        "integrity_interval_seconds": 300,
    }


def test_a_variable_that_is_empty_or_blank_is_as_good_as_absent() -> None:
    assert read({"MINE_PORT": "", "SERVICE_HOST": "  ", "DATABASE_PROFILE": "", "SERVICE_TOKEN_SECRET": " "}) == read(
        {}
    )


def test_in_the_managed_profile_every_missing_variable_is_named_at_once() -> None:
    assert problems_of({"DATABASE_PROFILE": "managed"}) == [
        "SERVICE_TOKEN_SECRET is missing: the managed profile needs a random secret that only the services share",
        "AUTH_URL is missing: the managed profile needs the address of the auth service",
        "MINE_DATABASE_URL is missing: the managed profile needs a postgresql:// URL",
    ]


@pytest.mark.parametrize("variable", [name for name in MANAGED if name != "DATABASE_PROFILE"])
def test_a_variable_that_alone_is_missing_is_one_line_that_names_it(variable: str) -> None:
    [problem] = problems_of({name: value for name, value in MANAGED.items() if name != variable})
    assert problem.startswith(f"{variable} is missing: the managed profile needs ")


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        (
            LOCAL_SERVICE_SECRET,
            "SERVICE_TOKEN_SECRET still has its default: the managed profile needs a random secret that only the "
            "services share",
        ),
        (SECRET[1:], "SERVICE_TOKEN_SECRET is too short: at least 32 characters are needed"),
        (f"  {SECRET[1:]}  ", "SERVICE_TOKEN_SECRET is too short: at least 32 characters are needed"),
        ("x", "SERVICE_TOKEN_SECRET is too short: at least 32 characters are needed"),
    ],
)
def test_a_secret_that_everyone_knows_or_could_guess_is_one_line(secret: str, problem: str) -> None:
    assert problems_of({**MANAGED, "SERVICE_TOKEN_SECRET": secret}) == [problem]


def test_a_secret_may_come_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"  {SECRET}\n")
    variables = {**MANAGED, "SERVICE_TOKEN_SECRET_FILE": str(file), "SERVICE_TOKEN_SECRET": "not this one"}
    assert read(variables).service_secret == SECRET
    file.write_text("short\n")
    assert problems_of(variables) == ["SERVICE_TOKEN_SECRET is too short: at least 32 characters are needed"]


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    absent, binary = tmp_path / "absent", tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    told = {
        str(absent): f"SERVICE_TOKEN_SECRET_FILE: {absent} cannot be read (No such file or directory)",
        str(tmp_path): f"SERVICE_TOKEN_SECRET_FILE: {tmp_path} cannot be read (Is a directory)",
        str(binary): f"SERVICE_TOKEN_SECRET_FILE: {binary} cannot be read (not text)",
    }
    problems = {file: problems_of({"SERVICE_TOKEN_SECRET_FILE": file}) for file in told}
    assert problems == {file: [problem] for file, problem in told.items()}


def test_in_the_managed_profile_too_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    assert len(problems_of({**MANAGED, "SERVICE_TOKEN_SECRET_FILE": str(tmp_path / "absent")})) == 1


def test_the_local_profile_takes_a_secret_of_any_length() -> None:
    assert read({"SERVICE_TOKEN_SECRET": "x"}).service_secret == "x"


def test_problems_of_every_kind_are_told_together() -> None:
    assert problems_of(
        {**MANAGED, "SERVICE_TOKEN_SECRET": "x", "MINE_PORT": "0", "MINE_DATABASE_URL": "mysql://db", "AUTH_URL": ""}
    ) == [
        "MINE_PORT must be a whole number from 1 to 65535, not '0'",
        "SERVICE_TOKEN_SECRET is too short: at least 32 characters are needed",
        "AUTH_URL is missing: the managed profile needs the address of the auth service",
        "MINE_DATABASE_URL: the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
    ]


@pytest.mark.parametrize("profile", ["production", "LOCAL", "managed!"])
def test_a_profile_that_there_is_not_is_one_line(profile: str) -> None:
    assert problems_of({"DATABASE_PROFILE": profile}) == [f"DATABASE_PROFILE must be local or managed, not {profile!r}"]


@pytest.mark.parametrize("text", ["0", "65536", "-1", "1.5", "port", "8e3", "1_000", "٣", "0x50"])
def test_a_number_out_of_bounds_or_of_another_form_is_one_line(text: str) -> None:
    assert problems_of({"MINE_PORT": text}) == [f"MINE_PORT must be a whole number from 1 to 65535, not {text!r}"]


def test_a_number_of_endless_digits_is_one_line_too() -> None:
    assert len(problems_of({"MINE_PORT": "9" * 5000})) == 1


@pytest.mark.parametrize("level", ["verbose", "10", "info,"])
def test_a_log_level_that_there_is_not_is_one_line(level: str) -> None:
    assert problems_of({"LOG_LEVEL": level}) == [f"LOG_LEVEL must be one of debug, info, warning, error, not {level!r}"]


def test_a_log_level_may_be_written_in_any_case() -> None:
    assert read({"LOG_LEVEL": "Warning"}).log_level == "warning"


def test_api_host_is_the_gateway_s_alone_and_service_host_the_services_alone() -> None:
    variables = {"API_HOST": "0.0.0.0", "SERVICE_HOST": "10.0.0.1"}
    assert read({"API_HOST": "0.0.0.0"}).host == "127.0.0.1"
    assert read(variables).host == "10.0.0.1"
    assert gateway.config.read_settings({"SERVICE_HOST": "10.0.0.1"}).host == "127.0.0.1"
    assert gateway.config.read_settings(variables).host == "0.0.0.0"


# The database


URL = "postgresql://flix:secret@db.example/shared"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"MINE_DATABASE_URL": "sqlite:///mine.sqlite"}, "sqlite:///mine.sqlite"),
        ({"DATABASE_URL": "sqlite:///shared.sqlite"}, "sqlite:///shared.sqlite"),
        ({"DATABASE_URL": "sqlite:///shared.sqlite", "MINE_DATABASE_URL": URL}, URL),
        ({"DATABASE_URL": URL}, URL),
    ],
)
def test_the_services_own_url_comes_before_the_shared_one(variables: dict[str, str], url: str) -> None:
    assert read(variables).database_url == url


def test_the_shared_url_will_do_in_the_managed_profile() -> None:
    variables = {**{name: MANAGED[name] for name in MANAGED if name != "MINE_DATABASE_URL"}, "DATABASE_URL": URL}
    assert read(variables).database_url == URL


@pytest.mark.parametrize("name", ["DATABASE_URL", "MINE_DATABASE_URL"])
def test_the_managed_profile_takes_postgresql_only_and_names_the_variable_that_was_set(name: str) -> None:
    variables = {**{other: MANAGED[other] for other in MANAGED if other != "MINE_DATABASE_URL"}, name: "sqlite:///f"}
    assert problems_of(variables) == [f"{name} must be a postgresql:// URL in the managed profile"]


@pytest.mark.parametrize("url", ["mysql://db/flix", "sqlite:///:memory:", "sqlite:///", "postgresql://host", "flix"])
def test_a_url_of_no_database_is_one_line_without_the_url(url: str) -> None:
    assert problems_of({"MINE_DATABASE_URL": url}) == [
        "MINE_DATABASE_URL: the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    ]


def test_reading_settings_makes_no_file_and_no_connection() -> None:
    assert read({"MINE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}).database_url.endswith("/nothing")
