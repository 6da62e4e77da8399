"""What surrounds every answer, and what the engines would trip over."""

import peewee
import pytest

from services.content.repository.store import PeeweeContentStore
from tests.content.client import Client, access_token, content_app
from tests.content.resources.answers import EVENT, EVENTS, LESSONS, MATERIALS, NEW_LESSON, PUBLIC, SNAPSHOT, full_store
from tests.matching import NEW_ID
from tests.refusals import EVENT_NOT_FOUND, REQUEST_ID, UNAUTHORIZED, refusal


def test_an_unknown_address_is_not_found(client: Client) -> None:
    nothing = refusal(404, "NOT_FOUND", "There is nothing at this address")
    for path in ("/", "/nope", "/api", "/api/events/event-1/nope", "/api/events/a%00b", "/api/events/a%0Ab"):
        assert client.admin("GET", path) == nothing


@pytest.mark.parametrize(("path", "allowed"), [(EVENTS, "GET, POST"), (EVENT, "DELETE, GET, PUT"), (SNAPSHOT, "GET")])
def test_a_method_that_an_address_does_not_take_is_told_which_ones_it_takes(
    client: Client, path: str, allowed: str
) -> None:
    result = client.exchange("PATCH", path, access_token(), json={"title": "Other"})
    assert (result.status_code, result.json) == refusal(
        405, "METHOD_NOT_ALLOWED", "This address does not take that method"
    )
    assert sorted(result.headers["allow"].split(", ")) == sorted([*allowed.split(", "), "OPTIONS"])


def test_every_answer_carries_the_request_s_id(client: Client) -> None:
    answers = [
        client.exchange("GET", EVENTS, access_token()),
        client.exchange("GET", EVENTS),
        client.exchange("GET", "/nope"),
        client.exchange("DELETE", MATERIALS + "/material-1", access_token()),
        client.exchange("PUT", EVENT, access_token(), body=b"{"),
    ]
    assert [each.headers["x-request-id"] for each in answers] == [REQUEST_ID] * 5
    assert [each.json["requestId"] for each in answers if each.status_code >= 400] == [REQUEST_ID] * 3


@pytest.mark.parametrize("claimed", ["", "with space", "x" * 65, "é", "<script>", "a;b"])
def test_a_request_id_that_could_do_harm_is_replaced(client: Client, claimed: str) -> None:
    result = client.exchange("GET", EVENTS, headers={"X-Request-ID": claimed})
    assert (result.status_code, result.json) == (401, {**UNAUTHORIZED.document, "requestId": NEW_ID})
    assert result.headers["x-request-id"] == result.json["requestId"]


@pytest.mark.parametrize("path", [EVENTS, EVENT])
def test_a_json_answer_says_so(client: Client, path: str) -> None:
    assert client.exchange("GET", path, access_token()).headers["content-type"] == "application/json"


# What the engines would trip over, were it not refused or made fit before


def test_awkward_addresses_and_texts_are_plain_answers_on_both_engines(content_database: peewee.Database) -> None:
    with Client.of(content_app(full_store(PeeweeContentStore(content_database)))) as client:
        assert client.admin("GET", SNAPSHOT) == (
            200,
            {
                "totals": {"events": 120, "lessons": 120},
                "lessonReleaseStatus": {"upcoming": 0, "available": 120, "expired": 0},
            },
        )
        for event_id in ("%F0%9F%8E%AC", "'", "%25", "%5C", "x" * 3000, "%C3%28", "%ED%A0%80"):
            assert client.admin("GET", f"{EVENTS}/{event_id}") == EVENT_NOT_FOUND
            assert client.gateway("POST", f"{PUBLIC}/{event_id}/catalog") == EVENT_NOT_FOUND
        created = client.admin("POST", EVENTS, {"title": "🎬" * 50_000, "slug": "x" * 400})
        assert created.status == 201
        slug = client.admin("POST", LESSONS, {**NEW_LESSON, "slug": "🎬" * 400})
        assert (slug.status, slug.document["item"]["slug"]) == (201, "🎬" * 400)
        for slug_text in ("lessons_window", "lessons_event_id_slug"):
            assert client.admin("POST", LESSONS, {**NEW_LESSON, "slug": slug_text}).status == 201
            assert client.admin("POST", LESSONS, {**NEW_LESSON, "slug": slug_text}) == refusal(
                409, "LESSON_SLUG_CONFLICT", f"Another lesson of this event already has the slug {slug_text}"
            )
