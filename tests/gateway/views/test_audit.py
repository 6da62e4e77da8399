"""GET /api/admin/audit: one list of what three services have noted, and no list at all where one of them is missing."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.core.instants import format_instant, now
from services.kit.storage.audit.log import AuditFilter, AuditTrail, audit_key
from services.kit.storage.audit.resource import audit_view
from services.kit.web.pages import page_of, page_request
from services.kit.web.tokens.service import verify_service_token
from tests.audit import KeptAudit
from tests.clock import NOON, SECOND
from tests.gateway.door import SECRET, Door, FakeService, access_token, error

ADDRESS = "/api/admin/audit"
INSIDE = "GET /internal/audit"
SERVICES = ("content", "quiz", "auth")


def services(door: Door) -> Mapping[str, FakeService]:
    """By name."""
    return {"content": door.content, "quiz": door.quiz, "auth": door.auth}


def entry(service: str, seconds: int, entry_id: str = "") -> dict[str, Any]:
    """What a service tells of an entry at that time."""
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
    """A service's answer."""
    return {"items": list(entries), "nextCursor": cursor}


def test_what_the_three_services_tell_is_one_list_newest_first(door: Door) -> None:
    door.content.answers(INSIDE, page(entry("content", 50), entry("content", 20)))
    door.quiz.answers(INSIDE, page(entry("quiz", 40), entry("quiz", 30)))
    door.auth.answers(INSIDE, page(entry("auth", 60), entry("auth", 10)))

    answer = door.as_admin("GET", ADDRESS)

    told = [("auth", 60), ("content", 50), ("quiz", 40), ("quiz", 30), ("content", 20), ("auth", 10)]
    assert (answer.status_code, answer.json()) == (200, page(*(entry(*each) for each in told)))
    for name, service in services(door).items():
        [request] = service.requests
        token = request.headers["Authorization"].removeprefix("Bearer ")
        assert verify_service_token(token, SECRET, name, now()) == "gateway"


def test_entries_of_one_instant_are_in_the_order_of_their_ids(door: Door) -> None:
    door.content.answers(INSIDE, page(entry("content", 1, "c"), entry("content", 1, "a")))
    door.quiz.answers(INSIDE, page(entry("quiz", 1, "d"), entry("quiz", 1, "b")))
    door.auth.answers(INSIDE, page())

    items = door.as_admin("GET", ADDRESS).json()["items"]

    assert [each["id"] for each in items] == ["d", "c", "b", "a"]


def test_the_filters_and_the_cursor_are_every_service_s(door: Door) -> None:
    query = "actorId=ada&action=event.&subjectId=event+1&from=2026-03-01T12%3A00%3A00%2B02%3A00&limit=5&cursor=abc"
    for service in services(door).values():
        service.answers(f"{INSIDE}?{query}", page())

    answer = door.as_admin("GET", f"{ADDRESS}?{query}")

    assert (answer.status_code, answer.json()) == (200, page())
    assert door.asked == [f"{INSIDE}?{query}"] * 3


@pytest.mark.parametrize("name", SERVICES)
def test_one_service_alone_may_be_asked(door: Door, name: str) -> None:
    services(door)[name].answers(f"{INSIDE}?service={name}", page(entry(name, 1), cursor="there-is-more"))

    answer = door.as_admin("GET", f"{ADDRESS}?service={name}")

    assert (answer.status_code, answer.json()) == (200, page(entry(name, 1), cursor="there-is-more"))
    assert door.asked == [f"{INSIDE}?service={name}"]


@pytest.mark.parametrize("query", ["service=", "service=gateway", "service=Quiz", "service=quiz&service=content"])
def test_another_service_is_refused_by_the_name_of_the_filter(door: Door, query: str) -> None:
    answer = door.as_admin("GET", f"{ADDRESS}?{query}")

    details = {"formErrors": [], "fieldErrors": {"service": ["must be one of content, quiz, auth"]}}
    assert (answer.status_code, answer.json()["error"], answer.json()["details"]) == (400, "VALIDATION_ERROR", details)
    assert door.asked == []


@pytest.mark.parametrize("missing", SERVICES)
def test_without_one_of_the_services_there_is_no_list(door: Door, missing: str) -> None:
    for name, service in services(door).items():
        service.answers(INSIDE, page(entry(name, 1)))
    services(door)[missing].fails(INSIDE, httpx.ConnectError("refused"))

    answer = door.as_admin("GET", ADDRESS)

    assert (answer.status_code, answer.json()["error"]) == (503, "UPSTREAM_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "1"


def test_a_service_that_says_why_it_cannot_tell_is_heard(door: Door) -> None:
    door.content.answers(INSIDE, page(entry("content", 1)))
    door.quiz.answers(INSIDE, error("UPSTREAM_UNAVAILABLE"), 503, Retry_After="7")
    door.auth.answers(INSIDE, page())

    answer = door.as_admin("GET", ADDRESS)

    assert (answer.status_code, answer.json()) == (503, error("UPSTREAM_UNAVAILABLE"))
    assert answer.headers["Retry-After"] == "7"


def test_a_filter_that_the_services_refuse_is_refused_as_they_say(door: Door) -> None:
    refusal = error("VALIDATION_ERROR", details={"formErrors": [], "fieldErrors": {"limit": ["must be less"]}})
    for service in services(door).values():
        service.answers(f"{INSIDE}?limit=1000", refusal, 400)

    answer = door.as_admin("GET", f"{ADDRESS}?limit=1000")

    assert (answer.status_code, answer.json()) == (400, refusal)


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_nobody_but_an_owner_is_told(door: Door, role: str) -> None:
    token = access_token(roles=[role])
    refused = door.send("GET", ADDRESS, headers={"Authorization": f"Bearer {token}"})

    assert (refused.status_code, refused.json()["error"]) == (403, "FORBIDDEN")
    assert (door.send("GET", ADDRESS).status_code, door.asked) == (401, [])


PLACES = st.lists(st.tuples(st.sampled_from(SERVICES), st.integers(0, 3)), max_size=30)


def answered(name: str, trail: AuditTrail, cursor: str | None, limit: int) -> dict[str, Any]:
    """What that service answers."""
    wanted = page_request(str(limit), cursor, (int, str))
    found = page_of(trail.list(AuditFilter(), wanted), wanted, audit_key)
    return page(*({**audit_view(name, each)} for each in found.items), cursor=found.next_cursor)


@settings(deadline=None, max_examples=50)
@given(PLACES, st.integers(1, 7))
def test_pages_of_the_merged_list_follow_one_another_without_a_gap_or_a_repetition(
    places: Sequence[tuple[str, int]], limit: int
) -> None:
    kept = {name: KeptAudit() for name in SERVICES}
    for number, (name, seconds) in enumerate(places):
        kept[name].append(("event.changed", str(number)), at=timedelta(seconds=seconds))

    pages: list[list[str]] = []
    cursor: str | None = None
    with closing(Door()) as door:
        while not pages or cursor is not None:
            query = f"?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
            for name, service in services(door).items():
                service.answers(INSIDE + query, answered(name, kept[name].trail, cursor, limit))
            merged = door.as_admin("GET", ADDRESS + query).json()
            pages.append([each["subjectId"] for each in merged["items"]])
            cursor = merged["nextCursor"]

    newest_first = sorted(range(len(places)), key=lambda number: (places[number][1], number), reverse=True)
    assert [subject for of_page in pages for subject in of_page] == list(map(str, newest_first))
    assert [len(each) for each in pages[:-1]] == [limit] * (len(pages) - 1)
