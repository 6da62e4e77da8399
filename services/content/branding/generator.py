"""The generation of a look: ask the provider, repeat, fall back. It touches no database."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from services.content.branding.providers import Gemini, OpenAICompatible, Provider, ProviderFailed
from services.content.branding.rules import Brief, fallback_branding, provider_branding, provider_prompt
from services.content.config import Settings
from services.content.entities import Event, Generation
from services.content.errors import BrandingProviderFailed, BrandingProviderInvalid
from services.kit.core.errors import Unavailable
from services.kit.core.logging import log

TRIES = 3
DEADLINE_SECONDS = 9.0
# The pause after the first try; each later one is longer by as much.
PAUSE_SECONDS = 0.25
# Generations that ask a provider at the same time, in one worker.
PLACES = 4
RETRY_AFTER_SECONDS = 5


class Generator:
    """Makes looks, with the providers by name: None for one without a key."""

    def __init__(
        self,
        providers: Mapping[str, Provider | None],
        deadline_seconds: float = DEADLINE_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
        places: int = PLACES,
    ):
        self._providers = providers
        self._deadline = deadline_seconds
        self._pause = pause_seconds
        self._free_places = places

    def require_provider(self, name: str) -> None:
        """Raise BrandingProviderInvalid unless there is a provider of this name."""
        if name not in self._providers:
            raise BrandingProviderInvalid(self._providers)

    async def generate(self, event: Event, brief: Brief, name: str, *, fallback_on_error: bool) -> Generation:
        """Return a look. Raise BrandingProviderFailed without a fallback, Unavailable when too many are being made."""
        started_at = time.monotonic()
        fallback = fallback_branding(event, brief)
        document, errors = await self._ask(name, provider_prompt(event, brief))
        if document is None and not fallback_on_error:
            raise BrandingProviderFailed(errors)
        generation = Generation(
            branding=fallback if document is None else provider_branding(document, name, fallback),
            strategy="fallback" if document is None else "provider",
            attempts=len(errors) + (document is not None),
            duration_ms=round((time.monotonic() - started_at) * 1000),
            fallback_reason=errors[-1] if document is None else None,
        )
        log.info("branding_generated", provider=name, strategy=generation.strategy, attempts=generation.attempts)
        return generation

    async def _ask(self, name: str, prompt: str) -> tuple[Mapping[str, object] | None, list[str]]:
        """Return the provider's look, or None, and an error for each failed try."""
        provider = self._providers[name]
        if provider is None:
            # To ask again would not help: it counts as one try.
            return None, [f"{name}: this installation has no key for it"]
        errors: list[str] = []
        with self._place():
            for attempt in range(1, TRIES + 1):
                try:
                    async with asyncio.timeout(self._deadline):
                        return await provider.look(prompt), errors
                except TimeoutError:
                    errors.append(f"{name}: no response within {self._deadline:g} s")
                except ProviderFailed as error:
                    errors.append(f"{name}: {error}")
                log.warning("branding_try_failed", provider=name, attempt=attempt, reason=errors[-1])
                if attempt < TRIES:
                    await asyncio.sleep(attempt * self._pause)
        return None, errors

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._free_places == 0:
            raise Unavailable("Too many looks are being made; try again shortly", retry_after=RETRY_AFTER_SECONDS)
        self._free_places -= 1
        try:
            yield
        finally:
            self._free_places += 1


def generator_of(settings: Settings) -> Generator:
    """Return the generator with the providers of the settings."""
    return Generator(
        {
            "gemini": Gemini(settings.gemini) if settings.gemini.key else None,
            "openai": OpenAICompatible(settings.openai) if settings.openai.key else None,
        }
    )
