"""The providers of looks: two APIs over HTTP behind one interface.

A provider is not trusted. Its responses are bounded in bytes, redirects are not followed, no proxy of the environment
is used, and nothing that it says is repeated in an error. The caller bounds the time (docs/traps.md, 9).
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol
from urllib.parse import quote

import orjson

from services.content.branding.rules import is_look
from services.content.config import ProviderSettings
from services.kit.core.lean_httpx import httpx

MAXIMUM_BYTES = 256 * 1024

_NO_LOOK = "its response is not a look in the form that was asked for"


class ProviderFailed(Exception):
    """The provider gave no look. The message is for people and has nothing secret."""


class Provider(Protocol):
    """A provider of looks."""

    async def look(self, prompt: str) -> Mapping[str, object]:
        """Return the JSON object that the provider makes of the prompt. Raise ProviderFailed."""


@dataclass(frozen=True)
class Gemini:
    """The public REST API of Gemini, https://ai.google.dev/api/generate-content."""

    settings: ProviderSettings

    async def look(self, prompt: str) -> Mapping[str, object]:
        """Return the JSON object that the provider makes of the prompt. Raise ProviderFailed."""
        path = f"/v1beta/models/{quote(self.settings.model, safe='')}:generateContent"
        document = {
            "contents": [{"role": "user", "parts": [{"text": prompt}]}],
            "generationConfig": {"responseMimeType": "application/json"},
        }
        response = await _post(self.settings.url + path, {"x-goog-api-key": self.settings.key}, document)
        try:
            parts = response["candidates"][0]["content"]["parts"]
            return _look("".join(part["text"] for part in parts if not part.get("thought")))
        except (LookupError, TypeError, AttributeError):
            raise ProviderFailed(_NO_LOOK) from None


@dataclass(frozen=True)
class OpenAICompatible:
    """Any server with the Chat Completions API, https://platform.openai.com/docs/api-reference/chat."""

    settings: ProviderSettings

    async def look(self, prompt: str) -> Mapping[str, object]:
        """Return the JSON object that the provider makes of the prompt. Raise ProviderFailed."""
        document = {
            "model": self.settings.model,
            "messages": [{"role": "user", "content": prompt}],
            "response_format": {"type": "json_object"},
        }
        headers = {"Authorization": f"Bearer {self.settings.key}"}
        response = await _post(f"{self.settings.url}/chat/completions", headers, document)
        try:
            return _look(response["choices"][0]["message"]["content"])
        except (LookupError, TypeError, AttributeError):
            raise ProviderFailed(_NO_LOOK) from None


async def _post(url: str, headers: Mapping[str, str], document: object) -> Any:
    """Send the document and return the JSON of the response. Raise ProviderFailed."""
    # A compressed response could be a thousand times as long as what was received.
    headers = {**headers, "Content-Type": "application/json", "Accept-Encoding": "identity"}
    try:
        async with (
            httpx.AsyncClient(verify=_certificates(), timeout=None, trust_env=False) as client,
            client.stream("POST", url, headers=headers, content=orjson.dumps(document)) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise ProviderFailed(f"it responded with status {response.status_code}")
            return orjson.loads(await _bounded_body(response))
    # Under uvloop anyio raises AttributeError for a connection that is reset at once (kit/web/tokens/auth.py).
    except (httpx.HTTPError, AttributeError) as error:
        raise ProviderFailed(f"the connection to it failed ({type(error).__name__})") from None
    except orjson.JSONDecodeError:
        raise ProviderFailed("its response is not JSON") from None


async def _bounded_body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAXIMUM_BYTES:
            raise ProviderFailed(f"its response is longer than {MAXIMUM_BYTES // 1024} KiB")
    return bytes(body)


def _look(text: str) -> Mapping[str, object]:
    # Some models wrap their JSON in words or in a Markdown fence.
    try:
        document = orjson.loads(text[text.index("{") : text.rindex("}") + 1])
    except ValueError:
        document = None
    if not is_look(document):
        raise ProviderFailed(_NO_LOOK)
    look: Mapping[str, object] = document
    return look


@cache
def _certificates() -> ssl.SSLContext:
    # Cached because reading them blocks the event loop for about 30 ms.
    return httpx.create_ssl_context(trust_env=False)
