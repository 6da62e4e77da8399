"""The effective settings: as every process reads them, with where each value comes from."""

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import gateway.config
from deploy import backup_schedule, env_file, log_files, stack
from deploy.tools_container import is_tools_container
from services.kit.core.config import METRICS_PORTS, Environment, Reading, Recorded, SettingsError
from services.kit.maintenance.command_line import without_password

HIDDEN = "(hidden)"


class Setting(NamedTuple):
    """A setting: its value, and whether the environment, `.env`, a file or the default gave it."""

    name: str
    value: str
    source: str
    secret: bool


class Effective(NamedTuple):
    """The settings by name, a line for each unknown name of `.env`, and what is wrong."""

    settings: list[Setting]
    unknown: list[str]
    problems: list[str]


def effective_settings() -> Effective:
    """Read the settings as every process does, and as restore does, which alone reads RESTORE_SCRATCH_URL."""
    problems: list[str] = []
    try:
        variables = env_file.read(env_file.ROOT / ".env")
    except SettingsError as error:
        variables, problems = [], error.problems
    own = dict(os.environ)
    of_file = {each.name: each.value for each in variables}
    recorded = Recorded({**of_file, **own})
    readers: list[Callable[[Mapping[str, str]], Any]] = [
        *stack.SERVICES.values(),
        log_files.read_bounds,
        backup_schedule.read_schedule,
    ]
    if not is_tools_container():
        readers.append(gateway.config.read_settings)
    for read in readers:
        try:
            read(recorded)
        except SettingsError as error:
            problems += error.problems
    Environment(recorded).option("RESTORE_SCRATCH_URL", "")
    settings = [_setting(name, reading, own, of_file) for name, reading in sorted(recorded.readings.items())]
    return Effective(settings, env_file.unknown_names(variables), list(dict.fromkeys(problems)))


def _setting(name: str, reading: Reading, own: Mapping[str, str], of_file: Mapping[str, str]) -> Setting:
    is_secret = bool(env_file.SECRET_NAME.fullmatch(name))
    if name == "METRICS_PORT" and _source(name, own, of_file) == "default":
        # Each process has a default of its own.
        reading = Reading(", ".join(f"{port} ({process})" for process, port in METRICS_PORTS.items()), reading.default)
    value = HIDDEN if is_secret and reading.value else without_password(reading.value)
    return Setting(name, value, _source(name, own, of_file), is_secret)


def _source(name: str, own: Mapping[str, str], of_file: Mapping[str, str]) -> str:
    if own.get(f"{name}_FILE", of_file.get(f"{name}_FILE", "")):
        return "file"
    # An empty value counts as none; the environment's hides that of `.env`.
    if name in own:
        return "environment" if own[name].strip() else "default"
    return ".env" if of_file.get(name, "").strip() else "default"
