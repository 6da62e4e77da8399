"""Private events beyond the baseline: learner grants, and limits on guessing keys."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.conftest import judged
from tests.contract.doors import another_gateway
from tests.contract.samples import (
    ACCESS_KEY,
    Json,
    attached,
    catalog_address,
    chosen,
    denied,
    new_event,
    new_lesson,
    new_quiz,
    parsed,
    private_event,
    public_address,
    unique,
)
from tests.installation import Installation
from tests.matching import Matching
from tests.refusals import Response, refusal
from tests.waiting import until

ACTIONS = ("access-check", "playback", "materials", "quiz", "quiz/submit")
KEY = {"eventAccessKey": ACCESS_KEY}
CLOSED = denied("blocked_private", "EVENT_ACCESS_DENIED")
GUESSED_ENOUGH = refusal(429, "RATE_LIMITED", "Too many wrong access keys; try again later")
GUESSES = 5


def access_address(event: Json) -> str:
    """Return the address that exchanges the event's key for a grant."""
    return f"/api/events/{event['slug']}/access"


def grant_for(learner: httpx.Client, event: Json, **body: str) -> str:
    """Exchange the key for a grant."""
    response = learner.post(access_address(event), json=body or KEY)
    assert response.status_code == 200, response.text
    return str(response.json()["accessToken"])


def bearing(grant: str) -> dict[str, str]:
    """Return the header that carries the grant."""
    return {"Authorization": f"Bearer {grant}"}


class Launch:
    """An event with an open lesson that has a material and a quiz."""

    def __init__(self, admin: httpx.Client, event: Json):
        self.event = event
        self.lesson = new_lesson(admin, event)
        self.quiz = new_quiz(admin, self.lesson)
        attached(admin, self.lesson)
        self.addresses = [
            catalog_address(event),
            *(public_address(event, self.lesson["slug"], action) for action in ACTIONS),
        ]

    def ask(self, learner: httpx.Client, address: str, grant: str | None = None, **body: Any) -> Response:
        """Return the response without the times and the attempt's id, which always differ."""
        sent = {**body, "answers": chosen(self.quiz, True, False)} if address.endswith("submit") else body
        response = parsed(learner.post(address, json=sent, headers=bearing(grant) if grant else {}))
        return Response(response.status, _timeless(response.document))


def _timeless(document: Any) -> Any:
    if isinstance(document, list):
        return [_timeless(each) for each in document]
    if not isinstance(document, dict):
        return document
    moving = ("serverTime", "submittedAt", "attemptId")
    return {name: None if name in moving else _timeless(each) for name, each in document.items()}


@pytest.fixture(scope="module")
def launch(admin: httpx.Client) -> Launch:
    """A launch in a private event whose key no test changes."""
    return Launch(admin, private_event(admin))


# The exchange


def test_an_access_key_is_exchanged_for_a_grant_of_an_hour(learner: httpx.Client, launch: Launch) -> None:
    token = Matching(r"[\w-]+\.[\w-]+\.[\w-]+")
    expected = Response(200, {"accessToken": token, "tokenType": "Bearer", "expiresIn": 3600})
    response = learner.post(access_address(launch.event), json=KEY)
    assert (parsed(response), response.headers["Cache-Control"]) == (expected, "no-store")
    header, claims = (_part(response.json()["accessToken"], place) for place in (0, 1))
    assert (header["typ"], header["alg"]) == ("grant+jwt", "Ed25519")
    assert {name: claims[name] for name in ("iss", "aud", "sub")} == {
        "iss": "flix-auth",
        "aud": "content",
        "sub": launch.event["id"],
    }
    assert (claims["exp"] - claims["iat"], sorted(claims)) == (3600, ["aud", "exp", "iat", "iss", "jti", "key", "sub"])
    assert ACCESS_KEY not in json.dumps(claims)


def _part(token: str, place: int) -> Json:
    part = token.split(".")[place]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def test_a_public_event_grants_without_a_key_and_opens_without_a_grant(
    admin: httpx.Client, learner: httpx.Client
) -> None:
    launch = Launch(admin, new_event(admin, accessKey=ACCESS_KEY))
    grants = [grant_for(learner, launch.event, eventAccessKey=key) for key in (ACCESS_KEY, "another key")]
    assert learner.post(access_address(launch.event)).status_code == 200
    for grant in (*grants, None):
        assert launch.ask(learner, launch.addresses[0], grant).status == 200
    admin.put(f"/api/events/{launch.event['id']}", json={"visibility": "private"})
    assert [launch.ask(learner, launch.addresses[0], grant) for grant in grants] == [CLOSED] * 2


# What a grant opens


def test_a_grant_opens_all_that_the_key_opens(learner: httpx.Client, launch: Launch) -> None:
    grant = grant_for(learner, launch.event)
    with_key = [launch.ask(learner, address, **KEY) for address in launch.addresses]
    with_grant = [launch.ask(learner, address, grant) for address in launch.addresses]
    with_both = [launch.ask(learner, address, grant, eventAccessKey="another key") for address in launch.addresses]
    assert [response.status for response in with_key] == [200] * 6
    assert with_grant == with_both == with_key


# Secrecy


def test_neither_keys_nor_grants_nor_guesses_are_logged(
    stack: Installation, admin: httpx.Client, learner: httpx.Client
) -> None:
    key, guess = unique("canary-key"), unique("canary-guess")
    launch = Launch(admin, private_event(admin, accessKey=key))
    grant = grant_for(learner, launch.event, eventAccessKey=key)
    for address in (access_address(launch.event), *launch.addresses):
        launch.ask(learner, address, grant, eventAccessKey=guess)
    last = unique("last")
    learner.get("/health", headers={"X-Request-ID": last})
    until(lambda: last in stack.log_lines("gateway"), "the access lines are written, some time after the responses")
    logs = "".join(stack.log_lines(name) for name in ("gateway", "content", "quiz", "auth"))
    assert "event_access_evaluated" in logs
    assert not [secret for secret in (key, guess, grant, grant.split(".")[2]) if secret in logs]


# Guessing


@pytest.fixture(scope="module")
def strict(stack: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A gateway behind a trusted proxy that allows five guesses an hour for an address and twelve for an event."""
    bounds = {
        "ACCESS_KEY_GUESSES_MAX": str(GUESSES),
        "ACCESS_KEY_GUESSES_OF_EVENT_MAX": "12",
        "ACCESS_KEY_GUESSES_WINDOW_MS": "3600000",
        "TRUSTED_PROXIES": "1",
    }
    with another_gateway(stack, tmp_path_factory.mktemp("strict"), **bounds) as client:
        yield judged(client)


def guess(client: httpx.Client, address: str, address_of_client: str, **body: str) -> httpx.Response:
    """Send a wrong key, unless the body has another, from that address."""
    sent = {"eventAccessKey": "another key", **body}
    return client.post(address, json=sent, headers={"X-Forwarded-For": address_of_client})


def test_after_too_many_guesses_only_a_grant_opens_the_event(admin: httpx.Client, strict: httpx.Client) -> None:
    launch, us = Launch(admin, private_event(admin)), "203.0.113.1"
    grant = grant_for(strict, launch.event)
    addresses = [access_address(launch.event), *launch.addresses]
    statuses = [
        guess(strict, address, us, eventAccessKey=f"guess at {address[-20:]}").status_code
        for address in addresses[:GUESSES]
    ]
    refused = [guess(strict, address, us) for address in addresses]
    assert statuses == [403, 403, 200, 403, 403]
    assert [parsed(response) for response in refused] == [GUESSED_ENOUGH] * len(addresses)
    assert all(3500 < int(response.headers["Retry-After"]) <= 3600 for response in refused)
    # Not even the right key: a guesser must not learn when it is right.
    assert parsed(guess(strict, addresses[0], us, **KEY)) == GUESSED_ENOUGH
    for address in launch.addresses:
        headers = {"X-Forwarded-For": us, **bearing(grant)}
        assert strict.post(address, json={"answers": []}, headers=headers).status_code == 200
        assert strict.post(address, json={"answers": []}, headers={"X-Forwarded-For": us}).json()["status"]
    assert guess(strict, addresses[0], "203.0.113.2", **KEY).status_code == 200


def test_guesses_at_an_absent_event_are_limited_alike(strict: httpx.Client) -> None:
    nowhere = access_address({"slug": unique("nowhere")})
    keys = [f"another key {number}" for number in range(GUESSES + 2)]
    responses = [parsed(guess(strict, nowhere, "203.0.113.1", eventAccessKey=key)) for key in keys]
    assert responses == [CLOSED] * GUESSES + [GUESSED_ENOUGH] * 2
