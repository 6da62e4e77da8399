"""services.kit.storage.audit.resource: GET /internal/audit over an audit log in memory."""

from collections.abc import Iterator

import pytest

from services.kit.storage.audit.resource import AUDIT, audit_route
from services.kit.storage.database import open_database
from services.kit.storage.service_app import create_service_app
from services.kit.storage.use_cases import UseCases
from tests.app_client import Client
from tests.audit import ALL, EVERYTHING, KeptAudit
from tests.clock import HOUR
from tests.content.client import SETTINGS, access_token, service_token, verifier
from tests.refusals import UNAUTHORIZED, Response, invalid


@pytest.fixture
def client() -> Iterator[tuple[Client, KeptAudit]]:
    """Return a client of a service whose audit log is in memory."""
    kept = KeptAudit()
    use_cases = UseCases(open_database("sqlite:////nowhere/content.sqlite"), threads=1)
    app = create_service_app([audit_route("content", kept.trail, use_cases)], SETTINGS, use_cases, verifier())
    with Client.of(app) as client:
        yield client, kept


def response_to(client: Client, query: str = "") -> Response:
    """Return the response to a service with this query."""
    return client.send("GET", AUDIT, service_token(), query_string=query)


def test_an_entry_has_all_its_members(client: tuple[Client, KeptAudit]) -> None:
    sender, kept = client
    kept.append(("event.created", "event-1"), admin="ada")
    kept.append(("event.deleted", "event-1"), at=HOUR)

    newer, older = kept.trail.list(EVERYTHING, ALL)
    assert response_to(sender) == Response(
        200,
        {
            "items": [
                {
                    "id": newer.id,
                    "occurredAt": "2026-03-01T13:00:00.000Z",
                    "service": "content",
                    "actor": None,
                    "address": None,
                    "requestId": None,
                    "action": "event.deleted",
                    "subjectId": "event-1",
                },
                {
                    "id": older.id,
                    "occurredAt": "2026-03-01T12:00:00.000Z",
                    "service": "content",
                    "actor": {"id": "ada", "username": "ADA", "role": "editor"},
                    "address": "192.0.2.7",
                    "requestId": "request-of-ada",
                    "action": "event.created",
                    "subjectId": "event-1",
                },
            ],
            "nextCursor": None,
        },
    )


def test_only_a_service_may_list_entries(client: tuple[Client, KeptAudit]) -> None:
    sender, _ = client
    assert sender.send("GET", AUDIT) == UNAUTHORIZED
    assert sender.send("GET", AUDIT, access_token(roles=["owner"])) == UNAUTHORIZED


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ("", ["five", "four", "three", "two", "one"]),
        ("actorId=ada", ["four", "one"]),
        ("action=lesson.created", ["two"]),
        ("action=lesson.", ["three", "two"]),
        ("subjectId=one", ["one"]),
        ("from=2026-03-01T14:00:00Z", ["five", "four", "three"]),
        ("to=2026-03-01T14:00:00Z", ["two", "one"]),
        ("from=2026-03-01T15:00:00%2B02:00&to=2026-03-01T14:00:00.001Z", ["three", "two"]),
        ("actorId=ada&action=event.&from=2026-03-01T12:00:00Z&limit=100", ["four", "one"]),
        ("service=content", ["five", "four", "three", "two", "one"]),
    ],
)
def test_a_filter_lists_the_matching_entries(client: tuple[Client, KeptAudit], query: str, subjects: list[str]) -> None:
    sender, kept = client
    entries = [("event.created", "one", "ada"), ("lesson.created", "two", "bob"), ("lesson.changed", "three", "bob")]
    entries += [("event.changed", "four", "ada"), ("material.deleted", "five", "cleo")]
    for place, (action, subject_id, admin) in enumerate(entries):
        kept.append((action, subject_id), at=place * HOUR, admin=admin)
    status, document = response_to(sender, query)
    assert (status, [each["subjectId"] for each in document["items"]]) == (200, subjects)


def test_pages_follow_one_another_without_a_gap(client: tuple[Client, KeptAudit]) -> None:
    sender, kept = client
    for number in range(120):
        kept.append(("event.changed", str(number)), at=number // 7 * HOUR)
    newest_first = sorted(range(120), key=lambda number: (number // 7, number), reverse=True)
    subjects: list[str] = []
    cursor = ""
    for length in (50, 50, 20):
        _, page = response_to(sender, f"limit=50{cursor}")
        assert len(page["items"]) == length
        subjects += [each["subjectId"] for each in page["items"]]
        cursor = f"&cursor={page['nextCursor']}"
    assert (subjects, page["nextCursor"]) == (list(map(str, newest_first)), None)
    assert [len(response_to(sender, query)[1]["items"]) for query in ("", "limit=100")] == [50, 100]


NO_ACTION = "must be an action such as event.created, or a kind with its dot, such as event."
NO_INSTANT = "must be an ISO 8601 instant with a zone, such as 2026-03-01T12:00:00.000Z"
NO_LIMIT = "must be a whole number from 1 to 100"
OF_ANOTHER_LIST = "must be a nextCursor of this list with the same filters and the same sort"
UNKNOWN = "is no parameter of this list, which takes actorId, action, subjectId, from, to, service, limit, cursor"
NO_CURSOR = "must be a nextCursor of this list"


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("actorId=%00", {"actorId": "must not contain control characters"}),
        (f"actorId={'a' * 201}", {"actorId": "must have at most 200 characters"}),
        ("actorId=a&actorId=b", {"actorId": "must be given once"}),
        ("subjectId=", {"subjectId": "must have at least 1 characters"}),
        *(
            (f"action={each}", {"action": NO_ACTION})
            for each in ("event", ".created", "event.%25", "event.created.twice")
        ),
        ("action=", {"action": "must have at least 1 characters"}),
        ("from=2026-03-01T12:00:00", {"from": NO_INSTANT}),
        ("to=2026-02-30T12:00:00Z", {"to": "must be an instant that exists, between the years 0001 and 9999"}),
        *((f"limit={each}", {"limit": NO_LIMIT}) for each in (0, 101)),
        ("cursor=WyJhIiwiYiJd", {"cursor": OF_ANOTHER_LIST}),
        ("cursor=e30", {"cursor": NO_CURSOR}),
        ("something=else", {"something": UNKNOWN}),
        ("action=x&from=x&to=x", {"action": NO_ACTION, "from": NO_INSTANT, "to": NO_INSTANT}),
    ],
)
def test_an_invalid_filter_is_refused_by_its_name(
    client: tuple[Client, KeptAudit], query: str, texts: dict[str, str]
) -> None:
    sender, _ = client
    assert response_to(sender, query) == invalid({name: [text] for name, text in texts.items()})
