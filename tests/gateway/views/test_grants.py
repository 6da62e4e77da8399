"""gateway.views about learner grants: the exchange of a key for one, and who is shown the one that a learner bears."""

import httpx
import orjson
import pytest
from joserfc import jwt

from services.kit.core.instants import now
from services.kit.web.tokens.service import verify_service_token
from tests.gateway.door import ADMIN, FAR_FUTURE, REQUEST_ID, SECRET, Door, access_token, error
from tests.gateway.door import KEY as SIGNING_KEY

ACCESS = "/api/events/launch/access"
INSIDE = "/internal/public/events/launch"
LESSON = "/api/public/events/launch/lessons/opening"
JUDGED = {"item": {"eventId": "event-1", "fingerprint": "f" * 64}}
GRANT = {"accessToken": "canary.grant.token", "tokenType": "Bearer", "expiresIn": 3600}
KEY = {"eventAccessKey": "canary-key"}
CLOSED = error("EVENT_ACCESS_DENIED", status="blocked_private")
BEARER = {"Authorization": "Bearer canary.grant.token"}
ADMITTED = {"item": {"id": "lesson-1", "slug": "opening", "title": "Opening", "eventId": "event-1"}}

ASKED_OF_CONTENT = {
    "/api/public/events/launch/catalog": f"{INSIDE}/catalog",
    f"{LESSON}/access-check": f"{INSIDE}/lessons/opening/access-check",
    f"{LESSON}/playback": f"{INSIDE}/lessons/opening/playback",
    f"{LESSON}/materials": f"{INSIDE}/lessons/opening/materials",
    f"{LESSON}/quiz": f"{INSIDE}/lessons/opening/admission",
    f"{LESSON}/quiz/submit": f"{INSIDE}/lessons/opening/admission",
}
addresses = pytest.mark.parametrize(("address", "asked"), ASKED_OF_CONTENT.items())


# The exchange


def test_a_key_that_content_finds_right_becomes_a_grant_that_auth_signs(door: Door) -> None:
    door.content.answers(f"POST {INSIDE}/access", JUDGED)
    door.auth.answers("POST /internal/grants", GRANT)

    answer = door.send("POST", ACCESS, json=KEY, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (200, GRANT)
    # RFC 6749 section 5.1.
    assert answer.headers["Cache-Control"] == "no-store"
    assert door.content.requests[0].content == orjson.dumps(KEY)
    assert [orjson.loads(request.content) for request in door.auth.requests] == [JUDGED["item"]]
    assert door.asked == [f"POST {INSIDE}/access", "POST /internal/grants"]
    assert door.lines == [
        {
            "event": "event_access_evaluated",
            "authorized": True,
            "requestId": "request-1",
            "method": "POST",
            "route": "/api/events/{event_id}/access",
        }
    ]
    assert "canary" not in door.everything_logged


def test_auth_signs_nothing_for_a_key_that_content_does_not_find_right(door: Door) -> None:
    door.content.answers(f"POST {INSIDE}/access", CLOSED, 403)

    answer = door.send("POST", ACCESS, json=KEY, headers=REQUEST_ID)

    assert (answer.status_code, answer.json(), door.auth.asked) == (403, CLOSED, [])
    assert [(line["event"], line["authorized"]) for line in door.lines] == [("event_access_evaluated", False)]
    assert "canary" not in door.everything_logged


@pytest.mark.parametrize(("status", "code"), [(400, "VALIDATION_ERROR"), (415, "REQUEST_ERROR"), (503, "X")])
def test_what_content_cannot_judge_is_passed_on_and_is_no_evaluation(door: Door, status: int, code: str) -> None:
    door.content.answers(f"POST {INSIDE}/access", error(code), status)

    answer = door.send("POST", ACCESS, content=b"{")

    assert (answer.status_code, answer.json(), door.auth.asked, door.lines) == (status, error(code), [], [])


def test_without_auth_there_is_no_grant_for_now(door: Door) -> None:
    door.content.answers(f"POST {INSIDE}/access", JUDGED)
    door.auth.fails("POST /internal/grants", httpx.ConnectError("refused"))

    answer = door.send("POST", ACCESS, json=KEY)

    assert (answer.status_code, answer.json()["error"], answer.headers["Retry-After"]) == (
        503,
        "UPSTREAM_UNAVAILABLE",
        "1",
    )
    assert "canary" not in door.everything_logged


def test_the_slug_is_passed_on_as_one_segment(door: Door) -> None:
    door.send("POST", "/api/events/caf%C3%A9%20%3F/access")

    assert door.content.asked == ["POST /internal/public/events/caf%C3%A9%20%3F/access"]


def test_the_exchange_shows_content_no_grant(door: Door) -> None:
    door.content.answers(f"POST {INSIDE}/access", CLOSED, 403)

    door.send("POST", ACCESS, json={}, headers=BEARER)

    assert "Learner-Grant" not in door.content.requests[0].headers


# What a learner bears


@addresses
def test_content_is_shown_the_grant_beside_the_gateway_s_own_token(door: Door, address: str, asked: str) -> None:
    door.content.answers(f"POST {asked}", ADMITTED)

    door.send("POST", address, headers=BEARER)

    [request] = door.content.requests
    assert request.headers["Learner-Grant"] == "canary.grant.token"
    token = request.headers["Authorization"].removeprefix("Bearer ")
    assert verify_service_token(token, SECRET, "content", now()) == "gateway"
    assert not any("canary" in str(request.headers) for request in door.quiz.requests)
    assert "canary" not in door.everything_logged


@addresses
@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic a.b.c",
        "Bearer nonsense",
        "Bearer a.b",
        "Bearer a.b.c.d",
        "Bearer a.b.c d",
        "Bearer a..c",
        "Bearer " + "a" * 2001 + ".b.c",
        b"Bearer \xe9.b.c",
    ],
)
def test_what_cannot_be_a_grant_is_shown_to_nobody_and_harms_nobody(
    door: Door, address: str, asked: str, authorization: str | bytes
) -> None:
    door.content.answers(f"POST {asked}", error("LESSON_NOT_FOUND"), 404)

    answer = door.send("POST", address, headers={"Authorization": authorization})

    assert (answer.status_code, answer.json()) == (404, error("LESSON_NOT_FOUND"))
    assert ["Learner-Grant" in request.headers for request in door.content.requests] == [False]


def test_a_grant_in_a_header_of_ours_is_not_the_client_s_to_send(door: Door) -> None:
    door.send("POST", "/api/public/events/launch/catalog", headers={"Learner-Grant": "canary.grant.token"})

    assert "Learner-Grant" not in door.content.requests[0].headers


def test_the_public_list_and_the_admins_addresses_know_nothing_of_grants(door: Door) -> None:
    door.send("GET", "/api/public/events", headers=BEARER)
    door.as_admin("GET", "/api/events")

    assert ["Learner-Grant" in request.headers for request in door.content.requests] == [False, False]


def test_a_grant_opens_no_admin_s_address(door: Door) -> None:
    header = {"alg": "Ed25519", "typ": "grant+jwt", "kid": "key-1"}
    grant = jwt.encode(header, {**ADMIN, "exp": FAR_FUTURE}, SIGNING_KEY, algorithms=["Ed25519"])

    answers = [
        door.send("GET", "/api/events", headers={"Authorization": f"Bearer {token}"})
        for token in (grant, access_token(aud="content"))
    ]

    assert ([answer.status_code for answer in answers], door.asked) == ([401, 401], [])
