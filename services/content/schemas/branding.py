"""The generation of an event's look, for admins."""

from typing import Annotated, NotRequired

from pydantic import Field, with_config

# Before Python 3.12 pydantic does not support the standard library's TypedDict.
from typing_extensions import TypedDict

from services.content.entities import BrandingStrategy, Event, Generation
from services.content.schemas.events import (
    EventView,
    VisualStyleView,
    event_view,
    hero_view,
    visual_style_view,
)
from services.kit.web.schemas import Schema, Text, absent, length


class BrandingRequest(Schema):
    """The body of POST /api/events/{eventId}/branding/generate."""

    prompt: Annotated[Text, length(8, 600)]
    style_hint: Annotated[Text, length(3, 120)] = absent()
    provider: Annotated[Text, length(2, 40)] = "gemini"
    fallback_on_error: bool = True


@with_config(extra="forbid")
class GeneratedHeroView(TypedDict):
    """The head of an event's page, which a look always has."""

    title: Annotated[str, Field(max_length=120)]
    subtitle: Annotated[str, Field(max_length=220)]
    ctaText: Annotated[str, Field(max_length=40)]


class BrandingAssetsView(TypedDict):
    """The parts of a look, as the event now has them."""

    logoUrl: str | None
    hero: GeneratedHeroView
    visualStyle: VisualStyleView


class BrandingMetaView(TypedDict):
    """How the look was made; fallbackReason is present for a fallback."""

    attempts: Annotated[int, Field(ge=1)]
    durationMs: Annotated[int, Field(ge=0, description="of the generation, in milliseconds")]
    fallbackReason: NotRequired[str]


class BrandingView(TypedDict):
    """A generated look, and the event that has it."""

    eventId: str
    provider: Annotated[str, Field(description="equal to the event's brandingProvider: `fallback` for a fallback")]
    strategy: BrandingStrategy
    promptVersion: str
    assets: BrandingAssetsView
    event: EventView
    meta: BrandingMetaView


def branding_view(event: Event, generation: Generation) -> BrandingView:
    """Return the generated look; the event has it already."""
    meta: BrandingMetaView = {"attempts": generation.attempts, "durationMs": generation.duration_ms}
    if generation.fallback_reason is not None:
        meta["fallbackReason"] = generation.fallback_reason
    branding = generation.branding
    return {
        "eventId": event.id,
        "provider": branding.branding_provider,
        "strategy": generation.strategy,
        "promptVersion": branding.branding_prompt_version,
        "assets": {"logoUrl": event.logo_url, "hero": hero_view(event), "visualStyle": visual_style_view(event)},
        "event": event_view(event),
        "meta": meta,
    }
