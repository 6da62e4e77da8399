"""The judge of every answer notices what is wrong with one."""

from typing import Any

import httpx
import pytest

from tests.contract.conftest import CONTRACT, PAGE
from tests.contract.openapi import BrokenContract

EVENT: dict[str, Any] = {
    "id": "event-1",
    "slug": "launch",
    "title": "The launch",
    "description": "Short",
    "shortDescription": "Short",
    "longDescription": "Long",
    "visibility": "public",
    "logoUrl": None,
    "highlightVideoUrl": None,
    "hero": {"title": "", "subtitle": "", "ctaText": ""},
    "visualStyle": {"backgroundColor": "#111111", "textColor": "#f5f5f5", "accentColor": "#e50914"},
}
CATALOG: dict[str, Any] = {
    "event": EVENT,
    "catalog": {"items": [], "isEmpty": True},
    "serverTime": "2026-03-01T12:00:00.000Z",
}


def answer(body: dict[str, Any], status: int = 200) -> httpx.Response:
    """Return an answer to the request for a catalog."""
    return httpx.Response(
        status,
        headers={"X-Request-ID": "request-1"},
        json=body,
        request=httpx.Request("POST", "http://flix.app/api/public/events/launch/catalog"),
    )


def test_a_documented_answer_is_accepted() -> None:
    CONTRACT.check(answer(CATALOG))
    PAGE.check(answer(CATALOG))


@pytest.mark.parametrize(
    "body",
    [
        {**CATALOG, "debug": 1},
        {**CATALOG, "catalog": {**CATALOG["catalog"], "total": 0}},
        {**CATALOG, "event": {**EVENT, "accessKey": None}},
        {**CATALOG, "event": {**EVENT, "hero": {**EVENT["hero"], "image": ""}}},
    ],
)
def test_a_member_that_is_not_documented_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(BrokenContract, match="Additional properties"):
        PAGE.check(answer(body))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**CATALOG, "serverTime": None}, 200),
        ({name: value for name, value in CATALOG.items() if name != "event"}, 200),
        (CATALOG, 201),
        ({"error": "SOMETHING_ELSE", "message": "x", "requestId": "request-1"}, 403),
        ({"error": "EVENT_NOT_FOUND", "message": "x", "requestId": "request-2"}, 404),
    ],
)
def test_another_answer_is_refused(body: dict[str, Any], status: int) -> None:
    for judge in (CONTRACT, PAGE):
        with pytest.raises(BrokenContract):
            judge.check(answer(body, status))
