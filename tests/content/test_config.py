"""services.content.config: the providers of looks."""

from dataclasses import replace
from typing import Any

import pytest

from services.content.config import ProviderSettings, read_settings
from services.kit.core.config import SettingsError

DEFAULTS = read_settings({})


def test_without_variables_no_provider_has_a_key() -> None:
    assert DEFAULTS.gemini == ProviderSettings("https://generativelanguage.googleapis.com", "gemini-2.5-flash", "")
    assert DEFAULTS.openai == ProviderSettings("https://api.openai.com/v1", "gpt-4o-mini", "")


@pytest.mark.parametrize("name", ["gemini", "openai"])
def test_a_provider_has_its_variables(name: str) -> None:
    prefix = f"BRANDING_{name.upper()}"
    variables = {f"{prefix}_URL": "http://models.lan:8080/v1/", f"{prefix}_MODEL": "m-1", f"{prefix}_API_KEY": "k-1"}
    changed: Any = {name: ProviderSettings("http://models.lan:8080/v1", "m-1", "k-1")}
    assert read_settings(variables) == replace(DEFAULTS, **changed)


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "a.example", "https://me:secret@a.example", "https://a.example?key=secret", "http://é.fr"],
)
def test_an_address_that_is_none_or_has_a_secret_is_refused_unrepeated(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings({"BRANDING_GEMINI_URL": url})
    text = "BRANDING_GEMINI_URL must be an http or https address without credentials and query"
    assert raised.value.problems == [text]


@pytest.mark.parametrize("key", ["two words", "ключ", "a\nb"])
def test_a_key_that_no_header_can_hold_is_refused_unrepeated(key: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings({"BRANDING_OPENAI_API_KEY": key})
    assert raised.value.problems == ["BRANDING_OPENAI_API_KEY must be of visible ASCII characters"]
