"""Events and the dashboard's counts, for admins."""

from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    with_config,
)
from pydantic_core import CoreSchema
from typing_extensions import TypedDict

from services.content import rules
from services.content.entities import Event, EventChanges, EventFields, Snapshot, Visibility
from services.content.schemas.texts import AccessKey, EventSlug, Title, optional_instant, with_stored_slug
from services.kit.core.instants import format_instant
from services.kit.core.unset import UNSET, only_changes
from services.kit.web.schemas import (
    Changes,
    Creation,
    InstantText,
    OneLineText,
    Patch,
    Text,
    WebAddress,
    absent,
    length,
    line_length,
    validated,
)

HexColor = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Address = Annotated[WebAddress, Field(max_length=400)]
Description = Annotated[Text, length(maximum=500)]
LongDescription = Annotated[Text, length(maximum=4000)]


class Hero(Changes):
    """The head of an event's page; unknown members are refused."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[OneLineText, line_length(1, 120)]
    subtitle: Annotated[Text, length(1, 220)]
    cta_text: Annotated[OneLineText, line_length(1, 40)]


_EMPTY_TEXTS = {"title": "", "subtitle": "", "ctaText": ""}
_NO_HERO = Hero.model_construct(title="", subtitle="", cta_text="")


def _no_hero(value: object) -> object:
    return _NO_HERO if value == _EMPTY_TEXTS else value


class _OrNoHero:
    """Adds the three empty texts to the JSON schema."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        hero = handler(core_schema)
        text = {"type": "string", "maxLength": 0}
        no_hero = {**handler.resolve_ref_schema(hero), "properties": dict.fromkeys(_EMPTY_TEXTS, text)}
        return {"oneOf": [hero, {**no_hero, "description": "no hero"}]}


HeroOrNone = Annotated[Hero, BeforeValidator(_no_hero), _OrNoHero()]


class VisualStyle(Changes):
    """The colours of an event's page; unknown members are refused."""

    model_config = ConfigDict(extra="forbid")

    background_color: HexColor
    text_color: HexColor
    accent_color: HexColor


DEFAULT_VISUAL_STYLE = VisualStyle.model_validate(
    {"backgroundColor": "#111111", "textColor": "#f5f5f5", "accentColor": "#e50914"}
)


class NewEvent(Creation):
    """The body of POST /api/events."""

    title: Title
    slug: EventSlug
    description: Description = absent()
    short_description: Description = absent()
    long_description: LongDescription = absent()
    is_active: bool = False
    visibility: Visibility = "private"
    access_key: AccessKey | None = absent()
    hero: HeroOrNone = absent()
    visual_style: VisualStyle = absent(DEFAULT_VISUAL_STYLE)
    logo_url: Address | None = absent()
    highlight_video_url: Address | None = absent()

    def fields(self) -> EventFields:
        """Return the fields with their defaults."""
        descriptions = rules.descriptions(self.description, self.short_description, self.long_description)
        return EventFields(
            title=self.title,
            slug=self.slug,
            short_description=descriptions.short,
            long_description=descriptions.long,
            is_active=self.is_active,
            visibility=self.visibility,
            access_key=self.access_key,
            hero_title=self.hero.title if self.hero else "",
            hero_subtitle=self.hero.subtitle if self.hero else "",
            hero_cta_text=self.hero.cta_text if self.hero else "",
            background_color=self.visual_style.background_color,
            text_color=self.visual_style.text_color,
            accent_color=self.visual_style.accent_color,
            logo_url=self.logo_url,
            highlight_video_url=self.highlight_video_url,
        )


class EventPatch(Patch):
    """The body of PUT /api/events/{eventId}. At least one field is required.

    Null clears accessKey, logoUrl and highlightVideoUrl.
    """

    title: Title = absent(UNSET)
    slug: EventSlug = absent(UNSET)
    description: Description = absent(UNSET)
    short_description: Description = absent(UNSET)
    long_description: LongDescription = absent(UNSET)
    is_active: bool = absent(UNSET)
    visibility: Visibility = absent(UNSET)
    access_key: AccessKey | None = absent(UNSET)
    hero: HeroOrNone = absent()
    visual_style: VisualStyle = absent()
    logo_url: Address | None = absent(UNSET)
    highlight_video_url: Address | None = absent(UNSET)

    def changes(self, stored: Event) -> EventChanges:
        """Return the fields that were sent.

        `description` is another name of `shortDescription`: the one that differs from the stored text wins, and the
        latter if both do.
        """
        hero, style = self.hero, self.visual_style
        has_short_description = self.short_description not in (UNSET, stored.short_description)
        return EventChanges(
            title=self.title,
            slug=self.slug,
            short_description=self.short_description if has_short_description else self.description,
            long_description=self.long_description,
            is_active=self.is_active,
            visibility=self.visibility,
            access_key=self.access_key,
            hero_title=hero.title if hero else UNSET,
            hero_subtitle=hero.subtitle if hero else UNSET,
            hero_cta_text=hero.cta_text if hero else UNSET,
            background_color=style.background_color if style else UNSET,
            text_color=style.text_color if style else UNSET,
            accent_color=style.accent_color if style else UNSET,
            logo_url=self.logo_url,
            highlight_video_url=self.highlight_video_url,
        )


def event_changes(document: Any, stored: Event) -> EventChanges:
    """Return the changes that the body of PUT /api/events/{eventId} makes to that event. Raise ValidationFailed."""
    view: dict[str, Any] = {**event_view(stored)}
    if isinstance(document, dict) and _EMPTY_TEXTS in (document.get("hero"), view["hero"]):
        # A hero comes or goes as a whole: do not compare its texts one by one.
        del view["hero"]
    return validated(EventPatch, only_changes(with_stored_slug(document, stored.slug), view)).changes(stored)


@with_config(extra="forbid")
class HeroView(TypedDict):
    """The head of an event's page; empty strings until set."""

    title: str
    subtitle: str
    ctaText: str


@with_config(extra="forbid")
class VisualStyleView(TypedDict):
    """The colours of an event's page; #111111, #f5f5f5 and #e50914 until set."""

    backgroundColor: HexColor
    textColor: HexColor
    accentColor: HexColor


class EventView(TypedDict):
    """An event as admins see it."""

    id: str
    title: str
    slug: str
    description: Annotated[str, Field(description="always equal to shortDescription")]
    shortDescription: str
    longDescription: str
    isActive: bool
    visibility: Visibility
    accessKey: str | None
    hero: HeroView
    visualStyle: VisualStyleView
    logoUrl: str | None
    highlightVideoUrl: str | None
    brandingProvider: str | None
    brandingPromptVersion: str | None
    brandingGeneratedAt: InstantText | None
    createdAt: InstantText
    updatedAt: InstantText


def event_view(event: Event) -> EventView:
    """Return the event as admins see it."""
    return {
        "id": event.id,
        "title": event.title,
        "slug": event.slug,
        "description": event.short_description,
        "shortDescription": event.short_description,
        "longDescription": event.long_description,
        "isActive": event.is_active,
        "visibility": event.visibility,
        "accessKey": event.access_key,
        "hero": hero_view(event),
        "visualStyle": visual_style_view(event),
        "logoUrl": event.logo_url,
        "highlightVideoUrl": event.highlight_video_url,
        "brandingProvider": event.branding_provider,
        "brandingPromptVersion": event.branding_prompt_version,
        "brandingGeneratedAt": optional_instant(event.branding_generated_at),
        "createdAt": format_instant(event.created_at),
        "updatedAt": format_instant(event.updated_at),
    }


def hero_view(event: Event) -> HeroView:
    """Return the head of the event's page."""
    return {"title": event.hero_title, "subtitle": event.hero_subtitle, "ctaText": event.hero_cta_text}


def visual_style_view(event: Event) -> VisualStyleView:
    """Return the colours of the event's page."""
    return {
        "backgroundColor": event.background_color,
        "textColor": event.text_color,
        "accentColor": event.accent_color,
    }


class TotalsView(TypedDict):
    """The totals of the installation."""

    events: int
    lessons: int


class LessonReleaseStatusView(TypedDict):
    """The lessons that are locked, released and expired, under the names of the dashboard."""

    upcoming: int
    available: int
    expired: int


class SnapshotView(TypedDict):
    """The counts of the dashboard."""

    totals: TotalsView
    lessonReleaseStatus: LessonReleaseStatusView


def snapshot_view(snapshot: Snapshot) -> SnapshotView:
    """Return the counts of the dashboard."""
    lessons = snapshot.lessons
    return {
        "totals": {"events": snapshot.events, "lessons": lessons.locked + lessons.released + lessons.expired},
        "lessonReleaseStatus": {
            "upcoming": lessons.locked,
            "available": lessons.released,
            "expired": lessons.expired,
        },
    }
