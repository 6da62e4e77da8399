"""services.kit.web.version_questions: the gateway's question is answered before Falcon, any other request is not."""

import asyncio
import re
from typing import Any

import orjson
import pytest

from services.kit.core.errors import Unavailable
from services.kit.core.instants import now
from services.kit.web.freshness import Version
from services.kit.web.tokens.service import issue_service_token
from services.kit.web.version_questions import direct_versions
from tests.kit.forging import SECRET

ADDRESS = "/internal/things/one/version"


def respond(method: str = "GET", path: str = ADDRESS, *tokens: str) -> list[dict[str, Any]]:
    """Return what is sent before Falcon; nothing of a request that is left to it."""

    async def read(name: str) -> Version:
        if name == "away":
            raise Unavailable
        return Version(name, 1_000)

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    async def receive() -> None:
        raise AssertionError("the question has no body")

    sent: list[dict[str, Any]] = []
    direct = direct_versions("things", SECRET, re.compile("/internal/things/([a-z]+)/version"), read)
    headers = [(b"authorization", b"Bearer " + token.encode()) for token in tokens]

    async def ask() -> bool:
        return await direct({"method": method, "path": path, "headers": headers}, receive, send)

    assert asyncio.run(ask()) is bool(sent)
    return sent


def token(audience: str = "things") -> str:
    return issue_service_token(SECRET, "gateway", audience, now())


def test_a_question_of_the_gateway_is_answered() -> None:
    body = orjson.dumps({"state": "one", "at": 1_000})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    assert respond("GET", ADDRESS, token()) == [
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]


@pytest.mark.parametrize(
    ("method", "path", "tokens"),
    [
        ("POST", ADDRESS, [token()]),
        ("GET", "/internal/things", [token()]),
        ("GET", ADDRESS, []),
        ("GET", ADDRESS, [token("others")]),
        ("GET", ADDRESS, [token(), token()]),
        ("GET", "/internal/things/away/version", [token()]),
    ],
)
def test_any_other_request_is_left_to_falcon(method: str, path: str, tokens: list[str]) -> None:
    assert respond(method, path, *tokens) == []
