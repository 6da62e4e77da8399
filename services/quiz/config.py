"""Quiz's settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.kit.core.config import Environment, ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The address of content, and how many seconds it may take to respond.

    The follower touches the file `follow_heartbeat`, unless that is empty, after each step.
    """

    content_url: str
    content_timeout_seconds: int
    follow_heartbeat: str


def read_settings(variables: Mapping[str, str]) -> Settings:
    """Return quiz's settings from the environment; raise SettingsError."""
    environment = Environment(variables)
    settings = Settings.read(
        environment,
        "quiz",
        port=3012,
        content_url=environment.address("content", 3011),
        content_timeout_seconds=environment.integer("UPSTREAM_TIMEOUT_SECONDS", 5, maximum=60),
        follow_heartbeat=environment.option("FOLLOW_HEARTBEAT", ""),
    )
    environment.raise_problems()
    return settings
