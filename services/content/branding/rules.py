"""The rules of a generated look (docs/contract/BEHAVIOUR.md, "Events"): pure functions."""

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from services.content.entities import Branding, Event
from services.content.schemas.events import DEFAULT_VISUAL_STYLE, Address, HexColor
from services.kit.core.texts import as_seen

FALLBACK = "fallback"
PROMPT_VERSION = "v1"

# The limits of Hero in schemas/events.py.
TITLE_LENGTH = 120
SUBTITLE_LENGTH = 220
CTA_LENGTH = 40

_FALLBACK_SUBTITLE_LENGTH = 80
_FALLBACK_CTA = "Start now"
_FALLBACK_TEXT_COLOR = "#f8fafc"
_GROUP = 6

# Control characters, line and paragraph separators, halves of surrogate pairs.
_BREAKS = ("Cc", "Zl", "Zp", "Cs")
# Characters that override the direction of the text after them (Unicode's Bidi_Control without the marks).
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_COLOR = TypeAdapter[str](HexColor)
_ADDRESS = TypeAdapter[str](Address)

_INSTRUCTIONS = """\
You design the page of an online course launch. Respond with one JSON object of this form and nothing else:
{"logoUrl": null, "hero": {"title": "...", "subtitle": "...", "ctaText": "..."}, "visualStyle": {"backgroundColor": \
"#rrggbb", "textColor": "#rrggbb", "accentColor": "#rrggbb"}}
title has at most 120 characters, subtitle 220, ctaText 40 (the label of a button). Write them in the language of the
request. The text must be easy to read on the background. logoUrl is null unless the request names the http or https
address of a logo. This is the request:
"""


class Brief(NamedTuple):
    """What an admin asks for."""

    prompt: str
    style_hint: str | None


def provider_prompt(event: Event, brief: Brief) -> str:
    """Return the text that a provider gets: the title of the event and the brief, and nothing else of the event."""
    request = {"event": event.title, "request": brief.prompt, "style": brief.style_hint}
    return _INSTRUCTIONS + orjson.dumps(request).decode()


def fallback_branding(event: Event, brief: Brief) -> Branding:
    """Return the look that needs no network; the same event and brief always get the same one."""
    named = f"{event.slug}:{brief.prompt}:{brief.style_hint or ''}"
    digits = hashlib.sha256(named.encode()).hexdigest()
    return Branding(
        hero_title=_line(event.title, TITLE_LENGTH) or event.slug[:TITLE_LENGTH],
        hero_subtitle=as_seen(as_seen(brief.prompt)[:_FALLBACK_SUBTITLE_LENGTH]),
        hero_cta_text=_FALLBACK_CTA,
        background_color=f"#{digits[:_GROUP]}",
        text_color=_FALLBACK_TEXT_COLOR,
        accent_color=f"#{digits[_GROUP : 2 * _GROUP]}",
        logo_url=None,
        branding_provider=FALLBACK,
        branding_prompt_version=PROMPT_VERSION,
    )


def is_look(document: object) -> bool:
    """Return whether the document has the form of a look; its values may be wrong."""
    return isinstance(document, dict) and any(isinstance(document.get(name), dict) for name in ("hero", "visualStyle"))


def provider_branding(document: Mapping[str, object], provider: str, fallback: Branding) -> Branding:
    """Return the look of a provider, held to the rules of an event."""
    hero, style = _members(document, "hero"), _members(document, "visualStyle")
    return Branding(
        hero_title=_text(hero.get("title"), TITLE_LENGTH) or fallback.hero_title,
        hero_subtitle=_text(hero.get("subtitle"), SUBTITLE_LENGTH) or fallback.hero_subtitle,
        hero_cta_text=_text(hero.get("ctaText"), CTA_LENGTH) or fallback.hero_cta_text,
        background_color=_valid(_COLOR, style.get("backgroundColor")) or DEFAULT_VISUAL_STYLE.background_color,
        text_color=_valid(_COLOR, style.get("textColor")) or DEFAULT_VISUAL_STYLE.text_color,
        accent_color=_valid(_COLOR, style.get("accentColor")) or DEFAULT_VISUAL_STYLE.accent_color,
        logo_url=_valid(_ADDRESS, document.get("logoUrl")),
        branding_provider=provider,
        branding_prompt_version=PROMPT_VERSION,
    )


def _members(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    members = document.get(name)
    return members if isinstance(members, dict) else {}


def _text(value: object, maximum: int) -> str:
    return _line(value, maximum) if isinstance(value, str) else ""


def _line(text: str, maximum: int) -> str:
    """Return the text on one line, cut to `maximum` characters; empty when nothing in it can be seen."""
    characters = (each for each in text if each not in _OVERRIDES)
    line = "".join(" " if unicodedata.category(each) in _BREAKS else each for each in characters)
    return as_seen(as_seen(line)[:maximum])


def _valid(rule: TypeAdapter[str], value: object) -> str | None:
    try:
        return rule.validate_python(value, strict=True)
    except ValidationError:
        return None
