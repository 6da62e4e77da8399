"""GET /api/admin/audit: one list of the entries of three services, and none while one of them is missing."""

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.core.instants import format_instant
from services.kit.storage.audit.log import AUDIT_ORDERS, AuditFilter, AuditTrail
from services.kit.storage.audit.resource import AuditQuery, audit_view
from services.kit.web.list_queries import list_request
from services.kit.web.pages import page_of
from tests.audit import KeptAudit
from tests.clock import NOON, SECOND
from tests.gateway.fakes import UNAVAILABLE, Gateway, parsed, service_error

ADDRESS = "/api/admin/audit"
TARGET = "GET /internal/audit"
SERVICES = ("content", "quiz", "auth")


def entry(service: str, seconds: int, entry_id: str = "") -> dict[str, Any]:
    return {
        "id": entry_id or f"entry-{seconds}",
        "occurredAt": format_instant(NOON + seconds * SECOND),
        "service": service,
        "actor": {"id": "admin-1", "username": "ada", "role": "owner"},
        "address": "192.0.2.7",
        "requestId": f"request-{seconds}",
        "action": "event.changed",
        "subjectId": "event-1",
    }


def page(*entries: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    return {"items": list(entries), "nextCursor": cursor}


def test_three_lists_are_merged_newest_first(gateway: Gateway) -> None:
    gateway.content.responds(TARGET, page(entry("content", 50), entry("content", 20), entry("content", 1, "a")))
    gateway.quiz.responds(TARGET, page(entry("quiz", 40), entry("quiz", 1, "b")))
    gateway.auth.responds(TARGET, page(entry("auth", 60)))
    response = gateway.as_admin("GET", ADDRESS)
    merged = [("auth", 60), ("content", 50), ("quiz", 40), ("content", 20)]
    # Entries of one instant are in the order of their ids.
    same_instant = [entry("quiz", 1, "b"), entry("content", 1, "a")]
    assert parsed(response) == (200, page(*(entry(*each) for each in merged), *same_instant))
    assert [service.callers(name) for name, service in gateway.services.items()] == [["gateway"]] * 3


def test_filters_and_cursor_go_to_every_service(gateway: Gateway) -> None:
    filters = "actorId=ada&action=event.&subjectId=event+1&from=2026-03-01T12%3A00%3A00%2B02%3A00"
    query = f"{filters}&limit=2"
    for service in gateway.services.values():
        service.responds(f"{TARGET}?{query}", page(entry("auth", 2), entry("auth", 1)))
    first = gateway.as_admin("GET", f"{ADDRESS}?{query}")
    cursor = first.json()["nextCursor"]
    link = f"?{query}&cursor={cursor}"
    assert first.headers["Link"] == f'<{link}>; rel="next"'
    for service in gateway.services.values():
        service.responds(TARGET + link, page())
    last = gateway.as_admin("GET", ADDRESS + link)
    assert (parsed(last), "Link" in last.headers) == ((200, page()), False)
    assert sorted(gateway.targets) == [f"{TARGET}?{query}"] * 3 + [TARGET + link] * 3


@pytest.mark.parametrize(
    ("query", "field", "text"),
    [
        ("limit=0", "limit", "must be a whole number from 1 to 100"),
        ("actorId=a&actorId=b", "actorId", "must be given once"),
        (
            "isActive=true",
            "isActive",
            "is no parameter of this list, which takes actorId, action, subjectId, from, to, service, limit, cursor",
        ),
    ],
)
def test_a_wrong_query_asks_no_service(gateway: Gateway, query: str, field: str, text: str) -> None:
    document = gateway.as_admin("GET", f"{ADDRESS}?{query}").json()
    details = {"formErrors": [], "fieldErrors": {field: [text]}}
    assert (document["error"], document["details"], gateway.targets) == ("VALIDATION_ERROR", details, [])


@pytest.mark.parametrize("name", SERVICES)
def test_one_service_alone_can_be_asked(gateway: Gateway, name: str) -> None:
    target, expected = f"{TARGET}?service={name}", page(entry(name, 1), cursor="there-is-more")
    gateway.services[name].responds(target, expected)
    assert parsed(gateway.as_admin("GET", f"{ADDRESS}?service={name}")) == (200, expected)
    assert gateway.targets == [target]


@pytest.mark.parametrize("query", ["service=", "service=gateway", "service=Quiz", "service=quiz&service=content"])
def test_another_service_is_a_validation_error(gateway: Gateway, query: str) -> None:
    document = gateway.as_admin("GET", f"{ADDRESS}?{query}").json()
    details = {"formErrors": [], "fieldErrors": {"service": ["must be one of content, quiz, auth"]}}
    assert (document["error"], document["details"], gateway.targets) == ("VALIDATION_ERROR", details, [])


@pytest.mark.parametrize("missing", SERVICES)
def test_there_is_no_list_while_a_service_is_down(gateway: Gateway, missing: str) -> None:
    for name, service in gateway.services.items():
        service.responds(TARGET, page(entry(name, 1)))
    gateway.services[missing].fails(TARGET, aiohttp.ClientConnectionError())
    response = gateway.as_admin("GET", ADDRESS)
    assert (parsed(response), response.headers["Retry-After"]) == ((503, UNAVAILABLE), "1")


@pytest.mark.parametrize(("status", "code"), [(503, "UPSTREAM_UNAVAILABLE"), (400, "VALIDATION_ERROR")])
def test_the_refusal_of_a_service_is_passed_on(gateway: Gateway, status: int, code: str) -> None:
    for name, service in gateway.services.items():
        service.responds(TARGET, page(entry(name, 1)))
    gateway.quiz.responds(TARGET, service_error(code), status, Retry_After="7")
    response = gateway.as_admin("GET", ADDRESS)
    assert (parsed(response), response.headers["Retry-After"]) == ((status, service_error(code)), "7")


PLACES = st.lists(st.tuples(st.sampled_from(SERVICES), st.integers(0, 3)), max_size=30)


def page_of_service(name: str, trail: AuditTrail, cursor: str | None, limit: int) -> dict[str, Any]:
    """Return the page as the service makes it."""
    wanted = list_request(AuditQuery, {"limit": str(limit), **({"cursor": cursor} if cursor else {})}).page
    found = page_of(trail.list(AuditFilter(), wanted), wanted, AUDIT_ORDERS)
    return page(*(dict(audit_view(name, each)) for each in found.items), cursor=wanted.cursor_after(found.next_key))


@settings(max_examples=50)
@given(PLACES, st.integers(1, 7))
def test_pages_of_the_merged_list_have_no_gap_and_no_repetition(places: Sequence[tuple[str, int]], limit: int) -> None:
    kept = {name: KeptAudit() for name in SERVICES}
    for number, (name, seconds) in enumerate(places):
        kept[name].append(("event.changed", str(number)), at=timedelta(seconds=seconds))
    pages: list[list[str]] = []
    cursor: str | None = None
    with closing(Gateway()) as gateway:
        while not pages or cursor is not None:
            query = f"?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
            for name, service in gateway.services.items():
                service.responds(TARGET + query, page_of_service(name, kept[name].trail, cursor, limit))
            merged = gateway.as_admin("GET", ADDRESS + query).json()
            pages.append([each["subjectId"] for each in merged["items"]])
            cursor = merged["nextCursor"]
    newest_first = sorted(range(len(places)), key=lambda number: (places[number][1], number), reverse=True)
    assert [subject for each in pages for subject in each] == list(map(str, newest_first))
    assert [len(each) for each in pages[:-1]] == [limit] * (len(pages) - 1)
