"""The settings of auth."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.kit.core.config import Environment, ServiceSettings
from services.kit.core.texts import DIRECTION_OVERRIDES, LINE_BREAKS, as_seen, composed

LOCAL_ADMIN_USERNAME = "admin"
LOCAL_ADMIN_PASSWORD = "admin123"  # noqa: S105 refused in the managed profile
MINIMUM_PASSWORD_LENGTH = 12
LOCAL_SIGNING_KEY_SECRET = "local-only-signing-key-secret-change-me"  # noqa: S105 refused as well

_DURATION = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The settings of auth; `signing_key_secret` encrypts the signing keys."""

    admin_username: str
    admin_password: str
    access_token_lifetime: timedelta
    learner_grant_lifetime: timedelta
    signing_key_secret: str


def read_settings(variables: Mapping[str, str]) -> Settings:
    """Return the settings from the environment's variables. Raise SettingsError."""
    environment = Environment(variables)
    settings = Settings.read(
        environment,
        "auth",
        admin_username=_admin_username(environment),
        admin_password=environment.secret(
            "ADMIN_PASSWORD",
            LOCAL_ADMIN_PASSWORD,
            "a password for the first admin",
            minimum=MINIMUM_PASSWORD_LENGTH,
        ),
        access_token_lifetime=_duration(environment, "JWT_ACCESS_TTL", "15m"),
        learner_grant_lifetime=_duration(environment, "LEARNER_GRANT_TTL", "1h"),
        signing_key_secret=environment.secret(
            "SIGNING_KEY_SECRET", LOCAL_SIGNING_KEY_SECRET, "a random secret that encrypts the signing keys"
        ),
    )
    environment.raise_problems()
    return settings


def _admin_username(environment: Environment) -> str:
    name = composed(environment.text("ADMIN_USERNAME", LOCAL_ADMIN_USERNAME, "the first admin's name"))
    if name and (not as_seen(name) or any(each in LINE_BREAKS + DIRECTION_OVERRIDES for each in name)):
        environment.problems.append("ADMIN_USERNAME must be one line with a visible character")
    return name


def _duration(environment: Environment, name: str, default: str) -> timedelta:
    text = environment.option(name, default)
    match = _DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        environment.problems.append(f"{name} must be a number and s, m, h or d, such as 15m, not {text!r}")
        return timedelta(minutes=15)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
