"""The settings of content."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.kit.core.config import Environment, ServiceSettings
from services.kit.core.texts import is_web_address

DEFAULT_ALLOWED_DOMAINS = "flix.app,www.flix.app"
_KEY = re.compile(r"[!-~]*")


@dataclass(frozen=True)
class ProviderSettings:
    """A provider of looks: the base URL and the model; without a key it is never asked."""

    url: str
    model: str
    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The settings of content.

    `allowed_domains` are the sites that may embed the player; `gemini` and `openai` make looks for events.
    """

    allowed_domains: tuple[str, ...]
    gemini: ProviderSettings
    openai: ProviderSettings

    @property
    def public_materials_only(self) -> bool:
        """Whether materials must be at hosts of the public network: only in the managed profile."""
        return self.profile == "managed"


def read_settings(variables: Mapping[str, str]) -> Settings:
    """Return the settings from the environment's variables. Raise SettingsError."""
    environment = Environment(variables)
    domains = environment.option("PLAYER_ALLOWED_DOMAINS", DEFAULT_ALLOWED_DOMAINS)
    settings = Settings.read(
        environment,
        "content",
        allowed_domains=tuple(domain.strip() for domain in domains.split(",") if domain.strip()),
        gemini=_provider(environment, "GEMINI", "https://generativelanguage.googleapis.com", "gemini-2.5-flash"),
        openai=_provider(environment, "OPENAI", "https://api.openai.com/v1", "gpt-4o-mini"),
    )
    environment.raise_problems()
    return settings


def _provider(environment: Environment, name: str, url: str, model: str) -> ProviderSettings:
    prefix = f"BRANDING_{name}"
    settings = ProviderSettings(
        url=environment.option(f"{prefix}_URL", url).rstrip("/"),
        model=environment.option(f"{prefix}_MODEL", model),
        key=environment.option(f"{prefix}_API_KEY", ""),
    )
    if not is_web_address(settings.url) or not settings.url.isascii() or set(settings.url) & set("@?#"):
        environment.problems.append(f"{prefix}_URL must be an http or https address without credentials and query")
    # Do not repeat the value: it is a secret. It becomes a header.
    if not _KEY.fullmatch(settings.key):
        environment.problems.append(f"{prefix}_API_KEY must be of visible ASCII characters")
    return settings
