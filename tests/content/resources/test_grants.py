"""The exchange of a key for a learner grant, and what a grant opens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from falcon.testing import Result

from services.content import rules
from services.kit.web.judgements import JUDGEMENT_HEADER
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
from tests.content.resources.answers import PUBLIC
from tests.refusals import EVENT_NOT_FOUND, LESSON_NOT_FOUND, Response, refusal

SECRET_EVENT = an_event(id="event-2", slug="secret", visibility="private", access_key=KEY)
ACTIONS = ("access-check", "admission", "playback", "materials")
ADDRESSES = ["/secret/catalog", *(f"/secret/lessons/first/{action}" for action in ACTIONS)]
WRONG_KEY = {"eventAccessKey": "let-me-out"}
MESSAGE = "Private event access is required"
DENIED = refusal(403, "EVENT_ACCESS_DENIED", MESSAGE, status="blocked_private")
UNAVAILABLE = refusal(503, "UPSTREAM_UNAVAILABLE", "Sign-in keys are not available; try again shortly")


def ask(client: Client, address: str, grant: str | None = None, document: Any = None) -> Response:
    """Send as the gateway does, which passes the grant on in a header."""
    headers = {} if grant is None else {"Learner-Grant": grant}
    return client.gateway("POST", PUBLIC + address, document, headers=headers)


def seen(answer: Result) -> tuple[int, bytes, dict[str, str]]:
    """Return the response without the judgement, which the gateway keeps to itself."""
    headers = {name: text for name, text in answer.headers.items() if name != JUDGEMENT_HEADER.lower()}
    return answer.status_code, answer.content, headers


def is_denied(answer: Response) -> bool:
    """Return whether the private event stays closed."""
    return bool(answer.document["status"] == "blocked_private" and answer.document["message"] == MESSAGE)


@contextmanager
def running(clock: StoppedClock | None = None, fetch_keys: FetchKeys = published_keys) -> Iterator[Client]:
    """Give a client of content with the two events."""
    with Client.of(content_app(with_two_events(InMemoryContentStore()), clock=clock, fetch_keys=fetch_keys)) as client:
        yield client


def test_the_key_is_exchanged_for_the_content_of_a_grant(client: Client) -> None:
    private = {"eventId": "event-2", "fingerprint": rules.fingerprint(SECRET_EVENT, SECRET)}
    public = {"eventId": "event-1", "fingerprint": rules.fingerprint(an_event(), SECRET)}
    assert ask(client, "/secret/access", document={"eventAccessKey": f" {KEY} "}) == Response(200, {"item": private})
    assert ask(client, "/launch/access") == Response(200, {"item": public})
    assert ask(client, "/secret/access", learner_grant(SECRET_EVENT)) == DENIED


@pytest.mark.parametrize("document", [{}, WRONG_KEY, {"accessKey": KEY}])
def test_without_the_key_an_event_is_the_same_as_none(client: Client, document: dict[str, str]) -> None:
    known, unknown = (
        client.exchange("POST", f"{PUBLIC}/{slug}/access", service_token(), json=document)
        for slug in ("secret", "nowhere")
    )
    assert seen(known) == seen(unknown)
    assert Response(unknown.status_code, unknown.json) == DENIED


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("document", [None, {}, WRONG_KEY])
def test_a_grant_opens_what_the_key_opens(client: Client, address: str, document: Any) -> None:
    with_the_key = ask(client, address, document={"eventAccessKey": KEY})
    assert with_the_key.status == 200
    grant = learner_grant(SECRET_EVENT)
    assert ask(client, address, grant, document) == with_the_key
    assert ask(client, address.replace("first", "nothing"), grant) in (with_the_key, LESSON_NOT_FOUND)
    assert ask(client, address.replace("secret", "nowhere"), grant) == EVENT_NOT_FOUND


NO_GRANTS: dict[str, Callable[[], str]] = {
    "of another event": lambda: learner_grant(an_event(id="event-3", visibility="private", access_key=KEY)),
    "of another event under this id": lambda: learner_grant(SECRET_EVENT, key="f" * 64),
    "of a former key": lambda: learner_grant(an_event(id="event-2", visibility="private", access_key="let-me-out")),
    "of when it was public": lambda: learner_grant(an_event(id="event-2")),
    "expired": lambda: learner_grant(SECRET_EVENT, exp=int((NOON - HOUR).timestamp())),
    "forged": lambda: learner_grant(SECRET_EVENT, signer=FORGERS_KEY),
    "of an unknown key's id": lambda: learner_grant(SECRET_EVENT, {"kid": "key-9"}),
    "for another audience": lambda: learner_grant(SECRET_EVENT, aud="quiz"),
    "an admin's token": access_token,
    "an admin's token with a grant's claims": lambda: learner_grant(SECRET_EVENT, {"typ": "at+jwt"}),
    "a service's token": service_token,
    "no token": lambda: "no-token",
    "dots": lambda: "..",
}


@pytest.mark.parametrize("make_grant", NO_GRANTS.values(), ids=NO_GRANTS.keys())
def test_an_invalid_grant_counts_as_none(client: Client, make_grant: Callable[[], str]) -> None:
    grant = make_grant()
    for address in ADDRESSES:
        assert ask(client, address, grant) == ask(client, address)
        assert is_denied(ask(client, address, grant))
        public = address.replace("secret", "launch")
        assert ask(client, public, grant) == ask(client, public)
        assert ask(client, public, grant).status == 200
        assert ask(client, address, grant, {"eventAccessKey": KEY}).status == 200
    for action in ACTIONS:
        known, unknown = (
            client.exchange(
                "POST",
                f"{PUBLIC}/secret/lessons/{slug}/{action}",
                service_token(),
                headers={"Learner-Grant": grant},
            )
            for slug in ("first", "nothing")
        )
        assert (known.status_code, known.content, known.headers) == (
            unknown.status_code,
            unknown.content,
            unknown.headers,
        )


def test_a_grant_ends_when_the_key_changes(client: Client) -> None:
    grant = learner_grant(SECRET_EVENT)
    answers = []
    for changes in ({"title": "Other"}, {"accessKey": "another-key"}, {"accessKey": None}, {"visibility": "public"}):
        client.admin("PUT", "/api/events/event-2", changes)
        answers.append(ask(client, "/secret/catalog", grant).status)
    assert answers == [200, 403, 403, 200]


def test_a_grant_ends_at_its_expiry() -> None:
    clock, grant = StoppedClock(), learner_grant(SECRET_EVENT)
    with running(clock) as client:
        statuses = []
        for clock.at in (NOON, NOON + HOUR + 4 * SECOND, NOON + HOUR + 5 * SECOND):
            statuses.append(ask(client, "/secret/catalog", grant).status)
    assert statuses == [200, 200, 403]


def test_an_unverifiable_grant_is_an_error_only_where_it_is_needed() -> None:
    async def refused() -> Any:
        raise httpx.ConnectError("refused")

    grant = learner_grant(SECRET_EVENT)
    with running(fetch_keys=refused) as client:
        for address in ADDRESSES:
            assert ask(client, address, grant) == UNAVAILABLE
            assert is_denied(ask(client, address))
            assert ask(client, address, grant, {"eventAccessKey": KEY}).status == 200
            assert ask(client, address.replace("secret", "launch"), grant).status == 200
        assert ask(client, "/secret/lessons/nothing/admission", grant) == UNAVAILABLE
        headers = client.exchange("POST", PUBLIC + ADDRESSES[0], service_token(), {"Learner-Grant": grant}).headers
        assert headers["Retry-After"] == "1"
