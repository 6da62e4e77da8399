"""The environment file of production: every secret in a file of its own, and `.env`, which names them for Compose."""

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from deploy import env_file
from services.kit.core.config import SettingsError
from services.kit.core.failures import CommandFailed

SECRETS = (
    "POSTGRES_PASSWORD",
    *(f"{name}_{role}_PASSWORD" for name in ("CONTENT", "QUIZ", "AUTH") for role in ("OWNER", "RUNTIME")),
    "ADMIN_PASSWORD",
    "SERVICE_TOKEN_SECRET",
    "SIGNING_KEY_SECRET",
)
FIXED = {
    "COMPOSE_FILE": "docker-compose.yml:deploy/compose.production.yml",
    "COMPOSE_PROFILES": "backups",
    # Who owns the backups in data/backups.
    "BACKUP_USER": f"{os.getuid()}:{os.getgid()}",
}
QUESTIONS = {
    "CORS_ORIGIN": "The site whose pages call the API, such as https://learn.example.org",
    "ADMIN_USERNAME": "The name of the first admin",
}
_BYTES = 24


class Written(NamedTuple):
    """The environment file, the names that were added to it, and those that it had."""

    file: Path
    made: list[str]
    kept: list[str]


def write_production(folder: Path, given: Mapping[str, str | None], ask: Callable[[str], str]) -> Written:
    """Add what production needs and `.env` does not have; ask for what is not given. Raise CommandFailed.

    Nothing that is there is replaced: PostgreSQL keeps the passwords of its first start.
    """
    file = folder / ".env"
    present = {each.name for each in env_file.read(file)}
    values: dict[str, str] = {}
    for name in (*FIXED, "API_BIND", *QUESTIONS):
        if name not in present and f"{name}_FILE" not in present:
            values[name] = FIXED.get(name) or given.get(name) or ask(QUESTIONS[name])
    _require_valid(values)
    missing = [name for name in SECRETS if not {name, f"{name}_FILE"} & present]
    for name in missing:
        _make_secret(folder / "secrets" / name)
        # Compose reads a relative path from the folder of its first file, make from the folder of the Makefile.
        values[f"{name}_FILE"] = f"secrets/{name}"
    (folder / "data" / "backups").mkdir(parents=True, exist_ok=True)
    if values:
        _append(file, "".join(f"{name}='{value}'\n" for name, value in values.items()))
    wanted = [*FIXED, "API_BIND", *QUESTIONS, *(f"{name}_FILE" for name in SECRETS)]
    return Written(file, [each for each in wanted if each in values], [each for each in wanted if each not in values])


def _require_valid(values: Mapping[str, str]) -> None:
    """Raise CommandFailed for an answer that the services, or a line of the file, would refuse."""
    import gateway.config
    import services.auth.config

    problems = [
        f"{name} cannot have a ' or a line break" for name, value in values.items() if set(value) & set("'\r\n\\")
    ]
    for read in (gateway.config.read_settings, services.auth.config.read_settings):
        try:
            read({name: value for name, value in values.items() if name in QUESTIONS})
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise CommandFailed("\n".join(dict.fromkeys(problems)))


def _make_secret(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as opened:
        opened.write(secrets.token_hex(_BYTES))


def _append(file: Path, text: str) -> None:
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    separator = "" if not before or before.endswith("\n") else "\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as opened:
        opened.write(separator + text)
