"""The settings of quiz."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.kit.core.config import Environment, ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The settings of quiz: the address of content, and the seconds that it may take to respond.

    After each step the follower touches the file `follow_heartbeat`; an empty name means no file. Its metrics are
    on `follow_metrics_port`.
    """

    content_url: str
    content_timeout_seconds: int
    follow_heartbeat: str
    follow_metrics_port: int


def read_settings(variables: Mapping[str, str]) -> Settings:
    """Return the settings from the environment's variables. Raise SettingsError."""
    environment = Environment(variables)
    settings = Settings.read(
        environment,
        "quiz",
        content_url=environment.address("content"),
        content_timeout_seconds=environment.integer("UPSTREAM_TIMEOUT_SECONDS", 5, maximum=60),
        follow_heartbeat=environment.option("FOLLOW_HEARTBEAT", ""),
        follow_metrics_port=environment.metrics_port("follow-quiz"),
    )
    environment.raise_problems()
    return settings
