"""Settings are checked before anything is started, and processes end with their starter."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from deploy import stack
from services.kit.core.config import ServerSettings, ServiceSettings, SettingsError
from tests.installation import Installation
from tests.ports import ports_of_a_stack
from tests.processes import children, is_running
from tests.waiting import until


def problems_of(**variables: str) -> list[str]:
    """Return the problems of these variables."""
    with pytest.raises(SettingsError) as refused:
        stack.read_settings(variables)
    assert str(refused.value) == "\n".join(refused.value.problems)
    return refused.value.problems


@pytest.fixture
def busy_port() -> Iterator[int]:
    """Return a port that is in use."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_local_profile_needs_no_variables_and_listens_on_loopback() -> None:
    settings = stack.read_settings({})

    def database(each: ServerSettings) -> str | None:
        return each.database_url if isinstance(each, ServiceSettings) else None

    assert [(name, each.name, each.host, each.port, database(each)) for name, each in settings.items()] == [
        ("auth", "auth", "127.0.0.1", 3013, "sqlite:///data/auth.sqlite"),
        ("content", "content", "127.0.0.1", 3011, "sqlite:///data/content.sqlite"),
        ("quiz", "quiz", "127.0.0.1", 3012, "sqlite:///data/quiz.sqlite"),
        ("gateway", "gateway", "127.0.0.1", 3001, None),
    ]


@pytest.mark.parametrize(
    "variables",
    [
        {"DATABASE_URL": "sqlite:///data/all.sqlite"},
        {"DATABASE_URL": "postgresql://flix@db/flix", "AUTH_DATABASE_URL": "postgresql://flix@db/auth"},
        {"QUIZ_DATABASE_URL": "sqlite:///data/content.sqlite"},
    ],
)
def test_services_that_share_a_database_are_refused(variables: dict[str, str]) -> None:
    with pytest.raises(stack.StartFailed) as refused:
        stack.require_own_databases(stack.read_settings(variables).values())

    variables_to_set = "AUTH_DATABASE_URL, CONTENT_DATABASE_URL, QUIZ_DATABASE_URL"
    assert str(refused.value) == f"each service needs a database of its own: set {variables_to_set}"


def test_database_url_may_serve_a_single_service() -> None:
    settings = stack.read_settings(
        {
            "DATABASE_URL": "sqlite:///data/rest.sqlite",
            "CONTENT_DATABASE_URL": "sqlite:///data/content.sqlite",
            "QUIZ_DATABASE_URL": "sqlite:///data/quiz.sqlite",
        }
    )
    stack.require_own_databases(settings.values())
    assert isinstance(settings["auth"], ServiceSettings)
    assert settings["auth"].database_url == "sqlite:///data/rest.sqlite"


def test_the_problems_of_all_processes_are_reported_once() -> None:
    assert problems_of(
        LOG_LEVEL="verbose", AUTH_PORT="x", JWT_ACCESS_TTL="soon", QUIZ_DATABASE_URL="mysql://db", RATE_LIMIT_MAX="0"
    ) == [
        "JWT_ACCESS_TTL must be a number and s, m, h or d, such as 15m, not 'soon'",
        "AUTH_PORT must be a whole number from 1 to 65535, not 'x'",
        "LOG_LEVEL must be one of debug, info, warning, error, not 'verbose'",
        "QUIZ_DATABASE_URL: the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
        "RATE_LIMIT_MAX must be a whole number from 1 to 1000000, not '0'",
    ]


@pytest.mark.parametrize("variable", ["AUTH_PORT", "CONTENT_PORT", "QUIZ_PORT", "API_PORT"])
def test_a_busy_port_is_named_with_its_variable(busy_port: int, variable: str) -> None:
    settings = stack.read_settings({**ports_of_a_stack(), variable: str(busy_port)})

    with pytest.raises(stack.StartFailed) as refused:
        stack.require_free_ports(settings.values())

    reason = f"port {busy_port} on 127.0.0.1 cannot be used (Address already in use)"
    assert str(refused.value) == f"{reason}: stop what uses it, or set {variable}"


STARTER = """
import json, signal, sys
from pathlib import Path
from deploy import stack

environment, logs = json.loads(sys.argv[1]), Path(sys.argv[2])
processes = [stack.start(name, environment, logs) for name in ("content", "follow-quiz")]
stack.wait_until(lambda: stack.is_ready(environment["CONTENT_URL"]), processes)
print(*(process.popen.pid for process in processes), flush=True)
signal.pause()
"""


@pytest.mark.full
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_a_killed_starter_takes_its_processes_and_their_workers_along(built_on_sqlite: Installation) -> None:
    arguments = [json.dumps(built_on_sqlite.environment), str(built_on_sqlite.logs)]
    command = [sys.executable, "-c", STARTER, *arguments]
    with subprocess.Popen(command, cwd=stack.ROOT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        masters = [int(pid) for pid in starter.stdout.readline().split()]
        workers = children(masters[0])
        assert (len(masters), len(workers)) == (2, 1)
        starter.kill()
    until(lambda: not any(map(is_running, masters + workers)), "the stack has ended with its starter")
