"""What a learner grant opens, what it does not, and how the key is exchanged for one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from services.content import rules
from services.kit.web.tokens.access import FetchKeys
from tests.clock import HOUR, NOON, SECOND, StoppedClock
from tests.content.client import (
    FORGERS_KEY,
    Client,
    access_token,
    content_app,
    learner_grant,
    published_keys,
    service_token,
)
from tests.content.examples import KEY, SECRET, an_event, with_two_events
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import PUBLIC, SOME_TEXT
from tests.refusals import EVENT_NOT_FOUND, LESSON_NOT_FOUND, Answer, invalid, refusal

SECRET_EVENT = an_event(id="event-2", slug="secret", visibility="private", access_key=KEY)
ACTIONS = ("access-check", "admission", "playback", "materials")
ADDRESSES = ["/secret/catalog", *(f"/secret/lessons/first/{action}" for action in ACTIONS)]
MESSAGE = "Private event access is required"
DENIED = refusal(403, "EVENT_ACCESS_DENIED", MESSAGE, status="blocked_private")
UNAVAILABLE = refusal(503, "UPSTREAM_UNAVAILABLE", "Sign-in keys are not available; try again shortly")


def ask(client: Client, address: str, grant: str | None = None, document: Any = None) -> Answer:
    """Ask as the gateway does, which hands the grant on in a header of its own."""
    headers = {} if grant is None else {"Learner-Grant": grant}
    return client.gateway("POST", PUBLIC + address, document, headers=headers)


def is_denied(answer: Answer) -> bool:
    """Whether it says in the words of its address that the private event stays closed."""
    return bool(answer.document["status"] == "blocked_private" and answer.document["message"] == MESSAGE)


@contextmanager
def opened(clock: StoppedClock | None = None, fetch_keys: FetchKeys = published_keys) -> Iterator[Client]:
    """A client of content with the two events."""
    with Client.of(content_app(with_two_events(InMemoryContentStore()), clock=clock, fetch_keys=fetch_keys)) as client:
        yield client


# The exchange


def test_the_key_gives_what_a_grant_is_to_say(client: Client) -> None:
    assert ask(client, "/secret/access", document={"eventAccessKey": f" {KEY} "}) == Answer(
        200, {"item": {"eventId": "event-2", "fingerprint": rules.fingerprint(SECRET_EVENT, SECRET)}}
    )


@pytest.mark.parametrize("document", [None, {}, {"eventAccessKey": "let-me-out"}, {"accessKey": KEY}])
def test_without_the_key_an_event_is_the_same_as_none(client: Client, document: dict[str, str] | None) -> None:
    assert [ask(client, f"/{slug}/access", document=document) for slug in ("secret", "nowhere")] == [DENIED] * 2


def test_without_the_key_an_event_and_none_have_the_same_headers(client: Client) -> None:
    results = [
        client.exchange("POST", f"{PUBLIC}/{slug}/access", service_token(), json={"eventAccessKey": "let-me-out"})
        for slug in ("secret", "nowhere")
    ]
    assert results[0].headers == results[1].headers
    assert results[0].content == results[1].content


def test_a_grant_is_not_exchanged_for_another(client: Client) -> None:
    assert ask(client, "/secret/access", learner_grant(SECRET_EVENT)) == DENIED


@pytest.mark.parametrize("slug", ["secret", "launch", "nowhere"])
def test_what_cannot_be_a_key_is_refused_before_any_event_is_looked_up(client: Client, slug: str) -> None:
    for key in (None, 5, "12345", "x" * 65):
        answer = ask(client, f"/{slug}/access", document={"eventAccessKey": key})
        assert answer == invalid({"eventAccessKey": [SOME_TEXT]})


def test_a_public_event_gives_a_grant_without_a_key(client: Client) -> None:
    item = {"eventId": "event-1", "fingerprint": rules.fingerprint(an_event(), SECRET)}
    assert ask(client, "/launch/access") == Answer(200, {"item": item})


# What a grant opens


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("document", [None, {}, {"eventAccessKey": "let-me-out"}])
def test_a_grant_opens_what_the_key_opens(client: Client, address: str, document: Any) -> None:
    with_the_key = ask(client, address, document={"eventAccessKey": KEY})
    assert with_the_key.status == 200
    assert ask(client, address, learner_grant(SECRET_EVENT), document) == with_the_key


@pytest.mark.parametrize("action", ACTIONS)
def test_with_a_grant_what_is_not_there_is_not_found(client: Client, action: str) -> None:
    grant = learner_grant(SECRET_EVENT)
    assert ask(client, f"/secret/lessons/nothing/{action}", grant) == LESSON_NOT_FOUND
    assert ask(client, f"/nowhere/lessons/first/{action}", grant) == EVENT_NOT_FOUND


NO_GRANTS: dict[str, Callable[[], str]] = {
    "of another event": lambda: learner_grant(an_event(id="event-3", visibility="private", access_key=KEY)),
    "of another event under this id": lambda: learner_grant(SECRET_EVENT, key="f" * 64),
    "of a former key": lambda: learner_grant(an_event(id="event-2", visibility="private", access_key="let-me-out")),
    "of when it was public": lambda: learner_grant(an_event(id="event-2")),
    "expired": lambda: learner_grant(SECRET_EVENT, exp=int((NOON - HOUR).timestamp())),
    "forged": lambda: learner_grant(SECRET_EVENT, signer=FORGERS_KEY),
    "of an unknown key's id": lambda: learner_grant(SECRET_EVENT, {"kid": "key-9"}),
    "for others": lambda: learner_grant(SECRET_EVENT, aud="quiz"),
    "an admin's token": access_token,
    "an admin's token with a grant's claims": lambda: learner_grant(SECRET_EVENT, {"typ": "at+jwt"}),
    "a service's token": service_token,
    "no token": lambda: "no-token",
    "dots": lambda: "..",
}


@pytest.mark.parametrize("grant", NO_GRANTS.values(), ids=NO_GRANTS.keys())
def test_what_is_no_grant_of_this_event_counts_as_none(client: Client, grant: Callable[[], str]) -> None:
    shown = grant()
    for address in ADDRESSES:
        assert ask(client, address, shown) == ask(client, address)
        assert is_denied(ask(client, address, shown))
        public = address.replace("secret", "launch")
        assert ask(client, public, shown) == ask(client, public)
        assert ask(client, public, shown).status == 200
        assert ask(client, address, shown, {"eventAccessKey": KEY}).status == 200


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("grant", [None, *NO_GRANTS.values()], ids=["no grant", *NO_GRANTS.keys()])
def test_without_a_good_grant_a_lesson_and_none_answer_with_the_same_bytes_and_headers(
    client: Client, action: str, grant: Callable[[], str] | None
) -> None:
    headers = {} if grant is None else {"Learner-Grant": grant()}
    known, unknown = (
        client.exchange("POST", f"{PUBLIC}/secret/lessons/{slug}/{action}", service_token(), headers=headers)
        for slug in ("first", "nothing")
    )
    assert (known.status_code, known.content, known.headers) == (
        unknown.status_code,
        unknown.content,
        unknown.headers,
    )


def test_a_grant_dies_when_the_key_changes(client: Client) -> None:
    grant = learner_grant(SECRET_EVENT)
    assert ask(client, "/secret/catalog", grant).status == 200
    client.admin("PUT", "/api/events/event-2", {"accessKey": "another-key"})
    assert ask(client, "/secret/catalog", grant) == DENIED
    client.admin("PUT", "/api/events/event-2", {"accessKey": None})
    assert ask(client, "/secret/catalog", grant) == DENIED
    client.admin("PUT", "/api/events/event-2", {"visibility": "public"})
    assert ask(client, "/secret/catalog", grant).status == 200


def test_a_grant_ends_with_its_time() -> None:
    clock, grant = StoppedClock(), learner_grant(SECRET_EVENT)
    with opened(clock) as client:
        statuses = []
        for clock.at in (NOON, NOON + HOUR + 4 * SECOND, NOON + HOUR + 5 * SECOND):
            statuses.append(ask(client, "/secret/catalog", grant).status)
    assert statuses == [200, 200, 403]


# Auth's keys


def test_a_grant_that_cannot_be_verified_keeps_out_nobody_but_who_needs_it() -> None:
    async def refused() -> Any:
        raise httpx.ConnectError("refused")

    grant = learner_grant(SECRET_EVENT)
    with opened(fetch_keys=refused) as client:
        for address in ADDRESSES:
            assert ask(client, address, grant) == UNAVAILABLE
            assert is_denied(ask(client, address))
            assert ask(client, address, grant, {"eventAccessKey": KEY}).status == 200
            assert ask(client, address.replace("secret", "launch"), grant).status == 200
        assert ask(client, "/secret/lessons/nothing/admission", grant) == UNAVAILABLE
        headers = client.exchange("POST", PUBLIC + ADDRESSES[0], service_token(), {"Learner-Grant": grant}).headers
        assert headers["Retry-After"] == "1"
