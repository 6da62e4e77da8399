"""The settings of content."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.kit.core.config import Environment, ServiceSettings

DEFAULT_ALLOWED_DOMAINS = "flix.app,www.flix.app"


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The settings of content; `allowed_domains` are the sites that may embed the player."""

    allowed_domains: tuple[str, ...]

    @property
    def public_materials_only(self) -> bool:
        """Whether materials must be at hosts of the public network: only in the managed profile."""
        return self.profile == "managed"


def read_settings(variables: Mapping[str, str]) -> Settings:
    """Return the settings from the environment\'s variables. Raise SettingsError."""
    environment = Environment(variables)
    domains = environment.option("PLAYER_ALLOWED_DOMAINS", DEFAULT_ALLOWED_DOMAINS)
    settings = Settings.read(
        environment,
        "content",
        port=3011,
        allowed_domains=tuple(domain.strip() for domain in domains.split(",") if domain.strip()),
    )
    environment.raise_problems()
    return settings
