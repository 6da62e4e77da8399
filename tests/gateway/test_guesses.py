"""gateway.guesses: who gets the judgement of a key, over a content that judges the keys of bodies."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Literal

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from gateway.guesses import REFUSAL_STEP_SECONDS, Guesses
from gateway.limiter import Counts
from gateway.upstream import Outgoing, UpstreamResponse
from services.kit.core.errors import TooManyRequests
from services.kit.web.freshness import FRESHNESS_HEADER, Freshness, Version, freshness_header
from services.kit.web.judgements import JUDGEMENT_HEADER, Judgement, KeyJudgement, judgement_header
from tests.gateway.fakes import Gateway, gateway_with, own_error, parsed, service_error

HOUR_MS = 3_600_000
TARGET = "/internal/public/events/{}"
REFUSED = own_error("RATE_LIMITED", "Too many wrong access keys; try again later")
EVENT_CLOSED = service_error("EVENT_ACCESS_DENIED", status="blocked_private")
LESSON_CLOSED = service_error("LESSON_ACCESS_DENIED", status="blocked_private")
CHECKED = {"authorized": False, "status": "blocked_private", "message": "Private event access is required"}
CHECKED_OPEN = {"authorized": True, "status": "released", "message": "Lesson is available"}
LESSON_VIEW = {"item": {"id": "lesson-1", "slug": "opening", "title": "Opening", "eventId": "event-1"}}

CATALOG = "/api/public/events/launch/catalog"
LESSON = "/api/public/events/launch/lessons/opening"
# Each public address that takes a key, its target below the event at content, and content's response to a wrong key.
ROUTES: dict[str, tuple[str, Any, int]] = {
    "/api/events/launch/access": ("access", EVENT_CLOSED, 403),
    CATALOG: ("catalog", EVENT_CLOSED, 403),
    f"{LESSON}/access-check": ("lessons/opening/access-check", CHECKED, 200),
    f"{LESSON}/playback": ("lessons/opening/playback", LESSON_CLOSED, 403),
    f"{LESSON}/materials": ("lessons/opening/materials", LESSON_CLOSED, 403),
    f"{LESSON}/quiz": ("lessons/opening/admission", LESSON_CLOSED, 403),
    f"{LESSON}/quiz/submit": ("lessons/opening/admission", LESSON_CLOSED, 403),
}
OPEN: dict[str, Any] = {
    "access": {"item": {"eventId": "event-1", "fingerprint": "f"}},
    "lessons/opening/access-check": CHECKED_OPEN,
    "lessons/opening/admission": LESSON_VIEW,
}
SPELLINGS = ("launch", "Launch", "LAUNCH", "launch_", "--launch", "%20launch", "launch%E2%80%8B")
KEYED = {"Idempotency-Key": "canary-idempotency"}
ORIGIN = "http://localhost:5173"
GRANTED = {"Authorization": "Bearer a.valid.grant"}


class Content:
    """One private event, at each spelling of its slug, whose keys the test decides."""

    def __init__(self, gateway: Gateway, event_id: str | None = "event-1", slugs: tuple[str, ...] = SPELLINGS):
        self.right, self.stale = "the-right-key", "yesterdays-key"
        self.event_id = event_id
        # Responses are repeated from memory as long as the keys stay.
        gateway.content.handles(
            "GET /internal/version", lambda _request: httpx.Response(200, json=asdict(self.version))
        )
        for slug in slugs:
            for target, closed, status in ROUTES.values():
                address = f"POST {TARGET.format(slug)}/{target}"
                gateway.content.handles(address, self._handler(closed, status, OPEN.get(target, {"items": []})))

    @property
    def version(self) -> Version:
        """The state of the keys."""
        return Version(f"{self.event_id} {self.right} {self.stale}", 0)

    def _handler(self, closed: Any, status: int, opened: Any) -> Any:
        def respond(request: Outgoing) -> httpx.Response:
            judgement = self._judge(request)
            freshness = freshness_header(Freshness(self.version))
            headers = {JUDGEMENT_HEADER: judgement_header(judgement), FRESHNESS_HEADER: freshness}
            if judgement.opened:
                return httpx.Response(200, json=opened, headers=headers)
            return httpx.Response(status, json=closed, headers=headers)

        return respond

    def _judge(self, request: Outgoing) -> Judgement:
        sent = orjson.loads(request.body).get("eventAccessKey") if request.body else None
        if request.headers.get("Learner-Grant") == "a.valid.grant":
            return Judgement(self.event_id, True)
        if sent is None:
            return Judgement(self.event_id, False)
        is_right = sent == self.right and self.event_id is not None
        verdict: Literal["right", "stale", "wrong"] = "stale" if sent == self.stale else "wrong"
        return Judgement(
            self.event_id, is_right, KeyJudgement("right" if is_right else verdict, f"digest of {sent}", self.right)
        )


@contextmanager
def limited(per_client: int = 3, per_event: int = 1000, **variables: str) -> Iterator[Gateway]:
    """Open a gateway with these limits in an hour."""
    limits = {"ACCESS_KEY_GUESSES_MAX": str(per_client), "ACCESS_KEY_GUESSES_OF_EVENT_MAX": str(per_event)}
    with gateway_with(**limits, ACCESS_KEY_GUESSES_WINDOW_MS=str(HOUR_MS), **variables) as gateway:
        yield gateway


def sent(gateway: Gateway, keys: list[str], address: str = CATALOG, **options: Any) -> list[int]:
    """Send each key in turn and return the statuses."""
    return [
        gateway.send("POST", address, json={"eventAccessKey": key, "answers": []}, **options).status_code
        for key in keys
    ]


def guesses(count: int, word: str = "guess") -> list[str]:
    """Return as many distinct wrong keys."""
    return [f"canary-{word}-{number}" for number in range(count)]


# What people do


def test_the_same_typo_shuts_nobody_out() -> None:
    with limited(20) as gateway:
        content = Content(gateway)
        assert sent(gateway, ["the-rihgt-key"] * 30) == [403] * 30
        assert sent(gateway, [content.right]) == [200]


def test_twenty_guesses_shut_a_client_out_at_every_spelling_of_the_slug() -> None:
    with limited(20) as gateway:
        content = Content(gateway)
        spelled = [f"/api/public/events/{SPELLINGS[n % len(SPELLINGS)]}/catalog" for n in range(20)]
        statuses = [sent(gateway, [key], address)[0] for key, address in zip(guesses(20), spelled, strict=True)]
        assert statuses == [403] * 20
        # Right, stale, repeated and new.
        for slug in SPELLINGS[:2]:
            keys = [content.right, content.stale, guesses(1)[0], "new-guess"]
            assert sent(gateway, keys, f"/api/public/events/{slug}/catalog") == [429] * 4
        assert sent(gateway, [content.right], peer="192.0.2.2") == [200]


def test_spellings_of_an_absent_event_are_no_fresh_counts() -> None:
    with limited(3) as gateway:
        Content(gateway, event_id=None)
        Content(gateway, event_id=None, slugs=("other",))
        statuses = [
            sent(gateway, [key], f"/api/events/{slug}/access")[0]
            for key, slug in zip("abcdefg", SPELLINGS, strict=True)
        ]
        assert statuses == [403] * 3 + [429] * 4
        assert sent(gateway, guesses(4), "/api/events/other/access") == [403] * 3 + [429]


def test_a_changed_key_begins_new_counts() -> None:
    with limited(3, 5) as gateway:
        content = Content(gateway)
        assert sent(gateway, guesses(4)) == [403] * 3 + [429]
        assert sent(gateway, guesses(3, "other"), peer="192.0.2.2") == [403] * 2 + [429]
        content.stale, content.right = content.right, "a-new-key"
        assert sent(gateway, [content.stale] * 5) == [403] * 5
        assert sent(gateway, [content.right]) == [200]
        assert sent(gateway, guesses(4)) == [403] * 3 + [429]


def test_guesses_of_others_do_not_shut_out_an_admitted_learner() -> None:
    with limited(2, 3) as gateway:
        content = Content(gateway)
        assert sent(gateway, [content.right], peer="198.51.100.1") == [200]
        strangers = [sent(gateway, guesses(1, f"{each}"), peer=f"192.0.2.{each}")[0] for each in range(4)]
        assert strangers == [403, 403, 403, 429]
        assert sent(gateway, [content.right], peer="198.51.100.2") == [429]
        # Its own guesses are left and no more.
        assert sent(gateway, [content.right, *guesses(3), content.right], peer="198.51.100.1") == [
            *(200, 403, 403, 429, 429)
        ]


def test_a_valid_grant_is_exempt_whatever_key_is_beside_it() -> None:
    with limited() as gateway:
        content = Content(gateway)
        assert sent(gateway, guesses(4)) == [403] * 3 + [429]
        keys = [*guesses(2, "other"), content.right, content.stale]
        assert sent(gateway, keys, headers=GRANTED) == [200] * 4
        assert gateway.statuses(2, "POST", CATALOG, headers=GRANTED) == [200] * 2
        # An invalid grant is none.
        assert sent(gateway, [content.right], headers={"Authorization": "Bearer an.invalid.grant"}) == [429]


def test_a_request_without_a_key_is_neither_counted_nor_refused() -> None:
    with limited() as gateway:
        Content(gateway)
        assert gateway.statuses(5, "POST", CATALOG, json={}) == [403] * 5
        assert sent(gateway, guesses(4)) == [403] * 3 + [429]
        assert gateway.statuses(2, "POST", CATALOG) == [403] * 2


# At every address


@pytest.mark.parametrize("address", ROUTES)
def test_over_the_limit_no_judgement_is_disclosed_and_nothing_is_done(address: str) -> None:
    target, closed, status = ROUTES[address]
    with limited(2) as gateway:
        content = Content(gateway)
        keys = [*guesses(2), content.right, content.stale, guesses(1)[0]]
        responses = [
            gateway.send("POST", address, json={"eventAccessKey": key}, headers={**KEYED, "Origin": ORIGIN})
            for key in keys
        ]
        assert [parsed(response) for response in responses] == [(status, closed)] * 2 + [(429, REFUSED)] * 3
        assert all(3500 < int(response.headers["Retry-After"]) <= 3600 for response in responses[2:])
        # Neither a grant is made, nor is a quiz loaded, graded or replayed.
        assert gateway.targets == [f"POST {TARGET.format('launch')}/{target}"] * 5
        # Once a minute.
        assert gateway.log.count("{'refused': 1, 'eventSlug': 'launch', 'event': 'access_key_guesses_refused'") == 1
        assert "canary" not in gateway.log
        assert not [each for each in responses if JUDGEMENT_HEADER in each.headers]


@pytest.mark.parametrize("address", ROUTES)
def test_the_judgement_of_a_right_key_is_not_passed_on(address: str) -> None:
    with limited() as gateway:
        content = Content(gateway)
        quiz = {"id": "quiz-1", "scorePercentage": 50, "passed": False, "quizId": "quiz-1"}
        for target in ("GET /internal/lessons/lesson-1/quiz", "POST /internal/submissions"):
            gateway.quiz.responds(target, {"item": quiz, "result": quiz})
        gateway.auth.responds("POST /internal/grants", {"accessToken": "a.b.c"})
        response = gateway.send("POST", address, json={"eventAccessKey": content.right}, headers={"Origin": ORIGIN})
        assert (response.status_code, JUDGEMENT_HEADER in response.headers) == (200, False)


def test_guesses_at_all_addresses_of_an_event_are_counted_together() -> None:
    with limited(len(ROUTES)) as gateway:
        Content(gateway)
        first = [sent(gateway, [f"guess at {address}"], address)[0] for address in ROUTES]
        assert first == [status for _, _, status in ROUTES.values()]
        assert [sent(gateway, ["another"], address)[0] for address in ROUTES] == [429] * len(ROUTES)


def test_another_client_has_its_own_count() -> None:
    with limited(1) as gateway:
        Content(gateway)
        # An IPv6 network of 64 bits is one client.
        peers = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
        statuses = [sent(gateway, [key], peer=peer)[0] for key, peer in zip(guesses(6), peers, strict=True)]
        assert statuses == [403, 429, 403, 403, 429, 403]


@pytest.mark.parametrize("status", [400, 404, 503])
def test_a_wrong_key_is_counted_whatever_the_refusal_is(status: int) -> None:
    # Such as 503: content cannot verify the grant beside the key now.
    with limited(2) as gateway:
        for number in range(3):
            judgement = Judgement("event-1", False, KeyJudgement("wrong", f"digest-{number}", "present"))
            headers = {"Access_Judgement": judgement_header(judgement)}
            target = f"POST {TARGET.format('launch')}/catalog"
            gateway.content.responds(target, service_error("REFUSED"), status, **headers)
            assert sent(gateway, ["key"]) == [status if number < 2 else 429]


# What is judged at the same time, and what the time of a refusal discloses


WRONG = [Judgement("event-1", False, KeyJudgement("wrong", f"digest-{number}", "present")) for number in range(30)]
RIGHT = Judgement("event-1", True, KeyJudgement("right", "digest", "present"))


def statuses(guesses: Guesses, judgements: list[Judgement]) -> list[int]:
    """Return the statuses of requests that begin and are judged before any of them is answered."""

    async def answer(judgement: Judgement) -> int:
        try:
            await guesses.watch("launch", "192.0.2.1")(UpstreamResponse(200, judgement=judgement))
        except TooManyRequests as refusal:
            return refusal.status
        return 200

    async def scenario() -> list[int]:
        return await asyncio.gather(*map(answer, judgements))

    with capture_logs():
        return asyncio.run(scenario())


def test_keys_judged_together_with_the_last_guess_are_refused() -> None:
    limits = Guesses(Counts(), 20, 1000, HOUR_MS)
    assert statuses(limits, [*WRONG, RIGHT]) == [200] * 20 + [429] * 11
    assert statuses(limits, [RIGHT]) == [429]


@pytest.mark.parametrize("judgement", [RIGHT, WRONG[0], WRONG[29]])
@pytest.mark.parametrize(("content_seconds", "wait"), [(0.003, 0.097), (0.02, 0.08), (0.25, 0.05)])
def test_the_time_of_a_refusal_discloses_nothing_of_the_key(
    judgement: Judgement, content_seconds: float, wait: float
) -> None:
    seconds, pauses = 1000.0, []

    async def pause(length: float) -> None:
        pauses.append(length)

    limits = Guesses(Counts(), 20, 1000, HOUR_MS, pause, lambda: seconds)
    statuses(limits, WRONG[:20])
    assert pauses == []

    async def scenario() -> None:
        nonlocal seconds
        watch = limits.watch("launch", "192.0.2.1")
        seconds += content_seconds
        with pytest.raises(TooManyRequests):
            await watch(UpstreamResponse(200, judgement=judgement))

    with capture_logs():
        asyncio.run(scenario())
    assert pauses == [pytest.approx(wait)]
    assert (content_seconds + wait) / REFUSAL_STEP_SECONDS == pytest.approx(round((content_seconds + wait) * 10))
