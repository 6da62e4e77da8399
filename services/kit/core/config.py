"""Settings from the environment, read here only; all problems are collected before any is reported.

The value of each variable NAME may be in a file that NAME_FILE names, so that the environment shows no secret.

There are two profiles. `local` has a default for every variable. `managed` has none for those that an operator must
choose: a variable that is missing, or still has its public default, stops the start, with one line for each.
docs/decisions/001-settings-by-hand.md says why no library does this.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, cast

from services.kit.core.database_url import DatabaseUrlError, read_database_url
from services.kit.core.failures import CommandFailed
from services.kit.core.texts import is_web_address

Profile = Literal["local", "managed"]

LOCAL_SERVICE_SECRET = "local-only-service-secret-change-me"  # noqa: S105 refused in the managed profile
MINIMUM_SECRET_LENGTH = 32
BODY_SECONDS = 10
# The default ports on one machine: where each process serves, and where it shows its metrics.
PORTS = {"gateway": 3001, "content": 3011, "quiz": 3012, "auth": 3013}
METRICS_PORTS = {"gateway": 3101, "content": 3111, "quiz": 3112, "auth": 3113, "follow-quiz": 3114}

_WHOLE_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


class SettingsError(CommandFailed):
    """The environment is not valid; `problems` has one line for each variable that must change."""

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


class Reading(NamedTuple):
    """How a setting was read: its value and its default, empty where there is none."""

    value: str
    default: str


class Recorded(dict[str, str]):
    """Variables that keep how each of them was read, for `flix config`."""

    def __init__(self, variables: Mapping[str, str]):
        super().__init__(variables)
        self.readings: dict[str, Reading] = {}


class Environment:
    """Reads variables and collects the problems; `raise_problems` raises them together."""

    def __init__(self, variables: Mapping[str, str]):
        self._variables = variables
        self.problems: list[str] = []
        self._unreadable: set[str] = set()
        self.profile: Profile = self._profile()

    def text(self, name: str, local: str, meaning: str) -> str:
        """Read a value that has a default in the local profile only; `meaning` tells the operator what to set."""
        value = self._value(name)
        self._record(name, value, local if self.profile == "local" else "")
        if self.profile == "local":
            return value or local
        if not value and name not in self._unreadable:
            self.problems.append(f"{name} is missing: the managed profile needs {meaning}")
        return value

    def secret(self, name: str, local: str, meaning: str, minimum: int = MINIMUM_SECRET_LENGTH) -> str:
        """Read as `text` does; the managed profile refuses the default and fewer than `minimum` characters."""
        value = self.text(name, local, meaning)
        if self.profile == "managed" and value == local:
            self.problems.append(f"{name} still has its default: the managed profile needs {meaning}")
        elif self.profile == "managed" and value and len(value) < minimum:
            self.problems.append(f"{name} is too short: at least {minimum} characters are needed")
        return value

    def option(self, name: str, default: str) -> str:
        """Read a value that has a default in every profile."""
        value = self._value(name)
        self._record(name, value, default)
        return value or default

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        """Read one of the choices, in any case; return it in lower case."""
        value = self.option(name, default).lower()
        if value not in choices:
            self.problems.append(f"{name} must be one of {', '.join(choices)}, not {value[:40]!r}")
        return value

    def integer(self, name: str, default: int, minimum: int = 1, maximum: int = 1_000_000) -> int:
        """Read a whole number between the bounds, both included."""
        text = self.option(name, str(default))
        if _WHOLE_NUMBER.fullmatch(text) and minimum <= int(text) <= maximum:
            return int(text)
        self.problems.append(f"{name} must be a whole number from {minimum} to {maximum}, not {text[:40]!r}")
        return default

    def address(self, service: str) -> str:
        """Read the service's base URL; the local default follows its port variable."""
        port = self.option(f"{service.upper()}_PORT", str(PORTS[service]))
        name, local = f"{service.upper()}_URL", f"http://127.0.0.1:{port}"
        url = self.text(name, local, f"the address of the {service} service")
        if self._value(name) and not is_web_address(url):
            such = f"such as http://127.0.0.1:{PORTS[service]}"
            self.problems.append(f"{name} must be the address of the {service} service, {such}")
        return url

    def metrics_port(self, process: str) -> int:
        """Read the port for scrapes of this process, which has a default of its own; 0 is none."""
        return self.integer("METRICS_PORT", METRICS_PORTS[process], minimum=0, maximum=65535)

    def database_url(self, name: str, local: str) -> str:
        """Read the URL in `name`, else in DATABASE_URL; the managed profile takes PostgreSQL only."""
        own = self._value(name) or name in self._unreadable
        if not own and (self._value("DATABASE_URL") or "DATABASE_URL" in self._unreadable):
            name = "DATABASE_URL"
        url = self.text(name, local, "a postgresql:// URL")
        if url:
            self._check_database_url(name, url)
        return url

    def raise_problems(self) -> None:
        """Raise SettingsError if there are problems."""
        if self.problems:
            raise SettingsError(self.problems)

    def _value(self, name: str) -> str:
        """Return the variable, or the content of the file that NAME_FILE names (a container's secret)."""
        value = self._variables.get(name, "").strip()
        file = self._variables.get(f"{name}_FILE", "").strip()
        if not file or name in self._unreadable:
            return value
        problem = f"{name} and {name}_FILE are both set: remove one" if value else None
        if problem is None:
            value, problem = _read_file(f"{name}_FILE", file)
        if problem is not None:
            self._unreadable.add(name)
            self.problems.append(problem)
        return value

    def _record(self, name: str, value: str, default: str) -> None:
        if isinstance(self._variables, Recorded):
            self._variables.readings[name] = Reading(value or default, default)

    def _profile(self) -> Profile:
        value = self.option("DATABASE_PROFILE", "local")
        if value in ("local", "managed"):
            return cast(Profile, value)
        self.problems.append(f"DATABASE_PROFILE must be local or managed, not {value!r}")
        return "local"

    def _check_database_url(self, name: str, url: str) -> None:
        try:
            database = read_database_url(url)
        except DatabaseUrlError as error:
            self.problems.append(f"{name}: {error}")
            return
        if self.profile == "managed" and database.server is None:
            self.problems.append(f"{name} must be a postgresql:// URL in the managed profile")


def _read_file(variable: str, file: str) -> tuple[str, str | None]:
    """Return the text of the file without white space around it, and what is wrong with it."""
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        return "", f"{variable}: {file} cannot be read ({reason})"
    return text, None if text else f"{variable}: {file} is empty"


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Settings of every process that serves HTTP.

    `service_secret` signs the calls between services. A request body must arrive within `body_timeout_seconds`. Nobody
    can read metrics when `metrics_port` is 0.
    """

    name: str
    profile: Profile
    host: str
    port: int
    workers: int
    log_level: str
    service_secret: str
    auth_url: str
    body_timeout_seconds: int
    metrics_host: str
    metrics_port: int


@dataclass(frozen=True, kw_only=True)
class ServiceSettings(ServerSettings):
    """Settings of every service with a database.

    `threads` is the number of use cases that a worker runs at the same time, `database_wait_seconds` the time a command
    waits for the database server to start. Every `integrity_interval_seconds` a worker checks the database for damage.
    """

    database_url: str
    database_wait_seconds: int
    threads: int
    integrity_interval_seconds: int

    @classmethod
    def read(cls, environment: Environment, name: str, **more: Any) -> Self:
        """Read the common settings of the service `name`; `more` are the fields of its own subclass."""
        prefix = name.upper()
        return cls(
            **server_settings(environment, name, f"{prefix}_PORT"),
            database_url=environment.database_url(f"{prefix}_DATABASE_URL", f"sqlite:///data/{name}.sqlite"),
            database_wait_seconds=environment.integer("DATABASE_WAIT_SECONDS", 30, minimum=0, maximum=600),
            threads=environment.integer("SERVICE_THREADS", 8, maximum=64),
            integrity_interval_seconds=environment.integer("INTEGRITY_INTERVAL_SECONDS", 300, maximum=86_400),
            **more,
        )


def server_settings(
    environment: Environment, name: str, port_variable: str, host_variable: str = "SERVICE_HOST"
) -> dict[str, Any]:
    """Return the fields of ServerSettings as keyword arguments."""
    return {
        "name": name,
        "profile": environment.profile,
        "host": environment.option(host_variable, "127.0.0.1"),
        "port": environment.integer(port_variable, PORTS[name], maximum=65535),
        "workers": environment.integer("WEB_CONCURRENCY", 1, maximum=64),
        "log_level": environment.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
        "service_secret": environment.secret(
            "SERVICE_TOKEN_SECRET", LOCAL_SERVICE_SECRET, "a random secret that only the services share"
        ),
        "auth_url": environment.address("auth"),
        "body_timeout_seconds": environment.integer("REQUEST_BODY_TIMEOUT_SECONDS", BODY_SECONDS, maximum=600),
        "metrics_host": environment.option("METRICS_HOST", "127.0.0.1"),
        "metrics_port": environment.metrics_port(name),
    }
