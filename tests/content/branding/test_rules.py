"""The rules of generated looks: whatever a provider says, the event keeps its own rules."""

import hashlib
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.content import rules as event_rules
from services.content.branding.rules import (
    Brief,
    fallback_branding,
    is_look,
    provider_branding,
    provider_prompt,
)
from services.content.entities import Branding
from services.content.rules import branded_event
from services.content.schemas.events import NewEvent
from services.kit.core.texts import as_seen
from services.kit.web.schemas import validated
from tests.clock import LATER
from tests.content.examples import a_look, an_event

BRIEF = Brief("Bread for beginners, warm and rustic", "linen")
FALLBACK = fallback_branding(an_event(), BRIEF)
BIDI = "\u202eevil"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
TEXTS = JSON | st.text(max_size=500) | st.sampled_from(["\u200b" * 9, "a\nb", BIDI, "x" * 221, "\x00", "\ud800"])
COLORS = JSON | st.sampled_from(["red", "#12345", "#1234567", "#123456\n", "#ABCDEF", " #abcdef"])
ADDRESSES = JSON | st.sampled_from(
    ["javascript:alert(1)", "data:image/png;base64,x", "https://", "//a/b", "https://a.example/" + "x" * 400]
)
LOOKS = st.fixed_dictionaries(
    {},
    optional={
        "logoUrl": ADDRESSES,
        "hero": JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("title", "subtitle", "ctaText"), TEXTS)),
        "visualStyle": JSON
        | st.fixed_dictionaries({}, optional=dict.fromkeys(("backgroundColor", "textColor", "accentColor"), COLORS)),
    },
)


def require_legal(branding: Branding) -> None:
    """Fail unless an admin may create an event with this look, and the check of stored rows finds no fault."""
    hero = {
        "title": branding.hero_title,
        "subtitle": branding.hero_subtitle,
        "ctaText": branding.hero_cta_text,
    }
    style = {
        "backgroundColor": branding.background_color,
        "textColor": branding.text_color,
        "accentColor": branding.accent_color,
    }
    written = {"hero": hero, "visualStyle": style} | ({"logoUrl": branding.logo_url} if branding.logo_url else {})
    kept = asdict(validated(NewEvent, {"title": "An event", "slug": "an-event", **written}).fields())
    assert {name: kept[name] for name in asdict(branding) if name in kept} == {
        name: value for name, value in asdict(branding).items() if name in kept
    }
    assert [*event_rules.event_violations(branded_event(an_event(), branding, LATER))] == []


@given(document=LOOKS)
@example({"hero": {"title": BIDI, "subtitle": "a\u2028b", "ctaText": " " * 50}, "logoUrl": "javascript:x"})
def test_whatever_a_provider_says_the_event_stays_legal(document: dict[str, object]) -> None:
    require_legal(provider_branding(document, "gemini", FALLBACK))


@given(title=st.text(min_size=3, max_size=300), prompt=st.text(min_size=8, max_size=600))
@example("\u200b" * 3, "What people paste\n\n" + "x" * 70 + "   and more of it")
def test_the_fallback_of_any_event_and_prompt_is_legal(title: str, prompt: str) -> None:
    assume(not any(each < " " or "\x7f" <= each <= "\x9f" for each in prompt.replace("\n", "")) and as_seen(prompt))
    require_legal(fallback_branding(an_event(title=title), Brief(prompt, None)))


def test_a_right_look_is_taken_as_it_is() -> None:
    assert provider_branding(a_look(), "gemini", FALLBACK) == Branding(
        hero_title="Bread",
        hero_subtitle="In a week",
        hero_cta_text="Bake",
        background_color="#101010",
        text_color="#FAFAFA",
        accent_color="#c0ffee",
        logo_url="https://flix.app/loaf.png",
        branding_provider="gemini",
        branding_prompt_version="v1",
    )


@pytest.mark.parametrize(
    ("part", "said", "expected"),
    [
        ("hero", {"title": "x" * 121}, {"hero_title": "x" * 120}),
        ("hero", {"subtitle": "é" * 300}, {"hero_subtitle": "é" * 220}),
        ("hero", {"ctaText": "e\u0301" * 60}, {"hero_cta_text": "é" * 40}),
        ("hero", {"title": "one\r\ntwo \u202ethree"}, {"hero_title": "one  two three"}),
        ("hero", {"title": " \u200b "}, {"hero_title": "The launch"}),
        ("hero", {"subtitle": None, "ctaText": 7}, {"hero_subtitle": BRIEF.prompt, "hero_cta_text": "Start now"}),
        ("hero", "a text", {"hero_title": "The launch"}),
        ("visualStyle", {"backgroundColor": "red"}, {"background_color": "#111111"}),
        ("visualStyle", {"textColor": "#12345"}, {"text_color": "#f5f5f5"}),
        ("visualStyle", {"accentColor": None}, {"accent_color": "#e50914"}),
        ("visualStyle", [], {"accent_color": "#e50914"}),
        ("logoUrl", "javascript:alert(1)", {"logo_url": None}),
        ("logoUrl", "data:image/png;base64,x", {"logo_url": None}),
        ("logoUrl", "/logo.png", {"logo_url": None}),
        ("logoUrl", "https://a.example/" + "x" * 400, {"logo_url": None}),
        ("logoUrl", {"url": "https://a.example"}, {"logo_url": None}),
        ("logoUrl", " http://a.example/b.png ", {"logo_url": "http://a.example/b.png"}),
    ],
)
def test_what_breaks_a_rule_is_replaced(part: str, said: Any, expected: dict[str, Any]) -> None:
    look = a_look()
    look[part] = {**look[part], **said} if isinstance(said, dict) and isinstance(look[part], dict) else said
    branding = asdict(provider_branding(look, "gemini", FALLBACK))
    assert {name: branding[name] for name in expected} == expected


def test_the_fallback_is_computed_from_event_and_brief() -> None:
    prompt = "Bread for beginners: " + "long " * 30
    digits = hashlib.sha256(f"launch:{prompt}:linen".encode()).hexdigest()
    expected = Branding(
        hero_title="The launch",
        hero_subtitle=prompt[:80].strip(),
        hero_cta_text="Start now",
        background_color="#" + digits[:6],
        text_color="#f8fafc",
        accent_color="#" + digits[6:12],
        logo_url=None,
        branding_provider="fallback",
        branding_prompt_version="v1",
    )
    assert fallback_branding(an_event(), Brief(prompt, "linen")) == expected
    digits = hashlib.sha256(f"launch:{prompt}:".encode()).hexdigest()
    colors = {"background_color": "#" + digits[:6], "accent_color": "#" + digits[6:12]}
    assert fallback_branding(an_event(), Brief(prompt, None)) == replace(expected, **colors)


@pytest.mark.parametrize("document", [None, [], "hero", 1, {}, {"hello": 1}, {"hero": "big"}, {"visualStyle": None}])
def test_a_document_without_hero_and_colours_is_no_look(document: object) -> None:
    assert not is_look(document)


def test_a_prompt_holds_the_brief_and_nothing_secret_of_the_event() -> None:
    event = an_event(access_key="open sesame", short_description="not told", visibility="private")
    prompt = provider_prompt(event, BRIEF)
    assert prompt.endswith('{"event":"The launch","request":"Bread for beginners, warm and rustic","style":"linen"}')
    assert "open sesame" not in prompt
    assert "not told" not in prompt
