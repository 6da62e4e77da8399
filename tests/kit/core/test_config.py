"""services.kit.core.config: settings from the environment, and all problems at once, a line each."""

from dataclasses import asdict
from pathlib import Path

import pytest

import gateway.config
import services.auth.config
import services.content.config
import services.quiz.config
from services.kit.core.config import (
    LOCAL_SERVICE_SECRET,
    Environment,
    ServerSettings,
    ServiceSettings,
    SettingsError,
)

SECRET = "0123456789abcdef0123456789abcdef"
MANAGED = {
    "DATABASE_PROFILE": "managed",
    "CONTENT_DATABASE_URL": "postgresql://flix:secret@db.example/content",
    "AUTH_URL": "http://auth:3013",
    "SERVICE_TOKEN_SECRET": SECRET,
}
DEFAULTS = {
    "name": "content",
    "profile": "local",
    "host": "127.0.0.1",
    "port": 3011,
    "workers": 1,
    "log_level": "info",
    "service_secret": LOCAL_SERVICE_SECRET,
    "auth_url": "http://127.0.0.1:3013",
    "body_timeout_seconds": 10,
    "metrics_host": "127.0.0.1",
    "metrics_port": 3111,
    "database_url": "sqlite:///data/content.sqlite",
    "threads": 8,
    "database_wait_seconds": 30,
    "integrity_interval_seconds": 300,
}
URL_FORMS = "the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
A_SECRET = "a random secret that only the services share"


def managed(**changes: str) -> dict[str, str]:
    return {**MANAGED, **changes}


def read(variables: dict[str, str]) -> ServiceSettings:
    """Return the settings of content."""
    environment = Environment(variables)
    settings = ServiceSettings.read(environment, "content")
    environment.raise_problems()
    return settings


def read_all(variables: dict[str, str]) -> list[ServerSettings]:
    """Return the settings of every process."""
    return [
        each.read_settings(variables)
        for each in (services.content.config, services.quiz.config, services.auth.config, gateway.config)
    ]


def problems_of(variables: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as error:
        read(variables)
    assert str(error.value) == "\n".join(error.value.problems)
    return error.value.problems


@pytest.mark.parametrize(
    "variables", [{}, {"CONTENT_PORT": "", "SERVICE_HOST": "  ", "DATABASE_PROFILE": "", "SERVICE_TOKEN_SECRET": " "}]
)
def test_an_empty_environment_or_blank_values_mean_the_defaults(variables: dict[str, str]) -> None:
    assert asdict(read(variables)) == DEFAULTS


def test_all_variables_are_read() -> None:
    variables = managed(
        SERVICE_HOST="0.0.0.0",
        CONTENT_PORT="65535",
        WEB_CONCURRENCY="4",
        LOG_LEVEL="Warning",
        SERVICE_THREADS="64",
        REQUEST_BODY_TIMEOUT_SECONDS="4",
        METRICS_HOST="::1",
        METRICS_PORT="9100",
    )
    assert asdict(read(variables)) == DEFAULTS | {
        "profile": "managed",
        "host": "0.0.0.0",
        "port": 65535,
        "workers": 4,
        "log_level": "warning",
        "service_secret": SECRET,
        "auth_url": "http://auth:3013",
        "body_timeout_seconds": 4,
        "metrics_host": "::1",
        "metrics_port": 9100,
        "database_url": "postgresql://flix:secret@db.example/content",
        "threads": 64,
    }


POSTGRESQL_ONLY = "must be a postgresql:// URL in the managed profile"
PORTS = ("0", "65536", "-1", "1.5", "port", "8e3", "1_000", "٣", "0x50", "9" * 5000)
URLS = ("mysql://db/flix", "sqlite:///:memory:", "sqlite:///", "postgresql://host", "flix")
MALFORMED = (
    ("DATABASE_PROFILE", "must be local or managed, not {!r}", ("production", "LOCAL", "managed!")),
    ("CONTENT_PORT", "must be a whole number from 1 to 65535, not {!r}", PORTS),
    (
        "AUTH_URL",
        "must be the address of the auth service, such as http://127.0.0.1:3013",
        ("http://auth:port", "auth:3013", "http://[::1", "http://", "http://an auth", "ftp://auth"),
    ),
    ("LOG_LEVEL", "must be one of debug, info, warning, error, not {!r}", ("verbose", "10", "info,")),
)
TOO_SHORT = "SERVICE_TOKEN_SECRET is too short: at least 32 characters are needed"


@pytest.mark.parametrize(
    ("variables", "problems"),
    [
        (
            {"DATABASE_PROFILE": "managed"},
            [
                f"SERVICE_TOKEN_SECRET is missing: the managed profile needs {A_SECRET}",
                "AUTH_URL is missing: the managed profile needs the address of the auth service",
                "CONTENT_DATABASE_URL is missing: the managed profile needs a postgresql:// URL",
            ],
        ),
        (
            managed(SERVICE_TOKEN_SECRET="x", CONTENT_PORT="0", CONTENT_DATABASE_URL="mysql://db", AUTH_URL=""),
            [
                "CONTENT_PORT must be a whole number from 1 to 65535, not '0'",
                TOO_SHORT,
                "AUTH_URL is missing: the managed profile needs the address of the auth service",
                f"CONTENT_DATABASE_URL: {URL_FORMS}",
            ],
        ),
        (
            managed(SERVICE_TOKEN_SECRET=LOCAL_SERVICE_SECRET),
            [f"SERVICE_TOKEN_SECRET still has its default: the managed profile needs {A_SECRET}"],
        ),
        (managed(SERVICE_TOKEN_SECRET=SECRET[1:]), [TOO_SHORT]),
        (managed(SERVICE_TOKEN_SECRET=f"  {SECRET[1:]}  "), [TOO_SHORT]),
        *(
            ({name: value}, [f"{name} {problem.format(value[:40])}"])
            for name, problem, values in MALFORMED
            for value in values
        ),
        *(({"CONTENT_DATABASE_URL": url}, [f"CONTENT_DATABASE_URL: {URL_FORMS}"]) for url in URLS),
        *(
            ({**MANAGED, "CONTENT_DATABASE_URL": "", name: "sqlite:///f"}, [f"{name} {POSTGRESQL_ONLY}"])
            for name in ("DATABASE_URL", "CONTENT_DATABASE_URL")
        ),
    ],
)
def test_all_problems_are_reported_a_line_each(variables: dict[str, str], problems: list[str]) -> None:
    assert problems_of(variables) == problems


def test_a_secret_may_be_in_a_file_and_short_in_the_local_profile(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"  {SECRET}\n")
    variables = managed(SERVICE_TOKEN_SECRET_FILE=str(file), SERVICE_TOKEN_SECRET=" ")
    assert read(variables).service_secret == SECRET
    file.write_text("short\n")
    assert problems_of(variables) == [TOO_SHORT]
    assert read({"SERVICE_TOKEN_SECRET_FILE": str(file)}).service_secret == "short"


@pytest.mark.parametrize("profile", [{}, MANAGED])
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, profile: dict[str, str]) -> None:
    absent, binary, empty = tmp_path / "absent", tmp_path / "binary", tmp_path / "empty"
    binary.write_bytes(b"\xff\xfe")
    empty.write_text(" \n")
    for file, reason in ((absent, "No such file or directory"), (tmp_path, "Is a directory"), (binary, "not text")):
        problem = f"SERVICE_TOKEN_SECRET_FILE: {file} cannot be read ({reason})"
        assert problems_of({**profile, "SERVICE_TOKEN_SECRET": "", "SERVICE_TOKEN_SECRET_FILE": str(file)}) == [problem]
    problem = f"CONTENT_DATABASE_URL_FILE: {empty} is empty"
    assert problems_of({**profile, "CONTENT_DATABASE_URL": "", "CONTENT_DATABASE_URL_FILE": str(empty)}) == [problem]
    shared = {**profile, "CONTENT_DATABASE_URL": "", "DATABASE_URL_FILE": str(empty)}
    assert problems_of(shared) == [f"DATABASE_URL_FILE: {empty} is empty"]


def test_a_value_and_a_file_at_once_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    for name in ("SERVICE_TOKEN_SECRET", "CONTENT_DATABASE_URL"):
        assert problems_of(managed(**{f"{name}_FILE": str(file)})) == [
            f"{name} and {name}_FILE are both set: remove one"
        ]


def test_each_secret_may_be_in_a_file(tmp_path: Path) -> None:
    url = "postgresql://flix:secret@db.example/content"
    values = {
        **{f"{name}_DATABASE_URL": url for name in ("CONTENT", "QUIZ", "AUTH")},
        **dict.fromkeys(("SERVICE_TOKEN_SECRET", "SIGNING_KEY_SECRET", "ADMIN_PASSWORD"), SECRET),
        **{f"BRANDING_{name}_API_KEY": SECRET for name in ("GEMINI", "OPENAI")},
        "REDIS_URL": "redis://:secret@valkey",
    }
    plain = {f"{name}_URL": f"http://{name.lower()}:1" for name in ("CONTENT", "QUIZ", "AUTH")}
    plain |= {"DATABASE_PROFILE": "managed", "CORS_ORIGIN": "https://a.example", "ADMIN_USERNAME": "ada"}
    files = {f"{name}_FILE": str(tmp_path / name) for name in values}
    for name, value in values.items():
        (tmp_path / name).write_text(f"{value}\n")

    assert read_all({**plain, **files}) == read_all({**plain, **values})


def test_the_gateway_and_the_services_have_their_own_host_variables() -> None:
    variables = {"API_HOST": "0.0.0.0", "SERVICE_HOST": "10.0.0.1"}
    assert read({"API_HOST": "0.0.0.0"}).host == "127.0.0.1"
    assert read(variables).host == "10.0.0.1"
    assert gateway.config.read_settings({"SERVICE_HOST": "10.0.0.1"}).host == "127.0.0.1"
    assert gateway.config.read_settings(variables).host == "0.0.0.0"


# The URL names no server: reading it must not connect.
URL = "postgresql://nobody@127.0.0.1:1/shared"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"CONTENT_DATABASE_URL": "sqlite:///content.sqlite"}, "sqlite:///content.sqlite"),
        ({"DATABASE_URL": "sqlite:///shared.sqlite"}, "sqlite:///shared.sqlite"),
        ({"DATABASE_URL": "sqlite:///shared.sqlite", "CONTENT_DATABASE_URL": URL}, URL),
        ({"DATABASE_URL": URL}, URL),
        (managed(DATABASE_URL=URL, CONTENT_DATABASE_URL=" "), URL),
    ],
)
def test_the_service_s_own_url_comes_before_the_shared_one(variables: dict[str, str], url: str) -> None:
    assert read(variables).database_url == url
