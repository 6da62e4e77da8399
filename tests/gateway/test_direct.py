"""gateway.direct responds as Falcon does: each request is sent to two gateways, one of them without it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gateway.routes import PUBLIC_ROUTES
from services.kit.web.freshness import FRESHNESS_HEADER, Freshness, Version, freshness_header
from services.kit.web.judgements import JUDGEMENT_HEADER, Judgement, PresentAddress, judgement_header
from tests.gateway.fakes import ALLOWED_ORIGIN, Gateway, gateway_with, parsed, service_error

PUBLIC = "/internal/public/events/launch"
LESSON = "/api/public/events/launch/lessons/first"
CATALOG = "/api/public/events/launch/catalog"
# Content does not tell its version again, so nothing is repeated; its clock stands still.
TOLD = {FRESHNESS_HEADER: freshness_header(Freshness(Version("state", 1_772_366_400_000)))}
OPENED: Any = {**TOLD, JUDGEMENT_HEADER: judgement_header(Judgement("event-1", True, None, "lesson-1"))}
MOVED: Any = {
    JUDGEMENT_HEADER: judgement_header(Judgement("event-1", True, present_address=PresentAddress("launch", "l\u00e9")))
}
LESSONS = [{"id": f"lesson-{number}", "title": "A lesson of a long catalog"} for number in range(40)]
ADMITTED = {"item": {"id": "lesson-1", "eventId": "event-1", "slug": "first", "title": "First"}}
GRADED = {"result": {"quizId": "quiz-1", "scorePercentage": 50, "passed": False}}
ACCESS = {"authorized": True, "status": "released"}
JSON = {"Content-Type": "application/json"}


def respond(gateway: Gateway) -> None:
    """Let the services behind the gateway respond to every learner's request."""
    content, quiz = gateway.content, gateway.quiz
    shown = {"event": {"id": "event-1"}, "catalog": {"items": LESSONS}, "serverTime": "2026-03-01T12:00:00.000Z"}
    content.responds(f"POST {PUBLIC}/catalog", shown, **OPENED)
    content.responds("POST /internal/public/events/former/lessons/first/playback", {}, **MOVED)
    content.responds(f"POST {PUBLIC}/lessons/first/access-check", ACCESS, **OPENED)
    content.responds(f"POST {PUBLIC}/lessons/first/playback", service_error("LESSON_NOT_FOUND"), 404, **OPENED)
    content.responds(f"POST {PUBLIC}/lessons/first/materials", {"items": []}, **OPENED)
    content.responds(f"POST {PUBLIC}/lessons/first/admission", ADMITTED, **OPENED)
    quiz.responds("GET /internal/lessons/lesson-1/quiz", {"item": {"id": "quiz-1"}})
    quiz.responds("POST /internal/submissions", GRADED)


@pytest.fixture(scope="module")
def gateways() -> Iterator[tuple[Gateway, Gateway]]:
    """A gateway as it is, and one where Falcon responds to everything."""
    limits = {"RATE_LIMIT_ADDRESS_MAX": "100000", "BODY_TIMEOUT_SECONDS": "1"}
    with gateway_with(**limits) as direct, gateway_with(**limits) as falcon:
        falcon._app.direct = None
        for each in (direct, falcon):
            respond(each)
        yield direct, falcon


def seen(gateway: Gateway, method: str, address: str, options: Mapping[str, Any]) -> tuple[object, ...]:
    """Return all that a client sees of a request, and the log lines."""
    response = gateway.send(method, address, **options)
    return parsed(response), dict(sorted(response.headers.items())), gateway.lines


REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "catalog": (CATALOG, {}),
    "catalog again": (CATALOG, {"json": {}}),
    "with a key": (CATALOG, {"json": {"eventAccessKey": "let-me-in"}}),
    "with a grant": (CATALOG, {"headers": {"Authorization": "Bearer a.b.c"}}),
    "with an admin's token": (CATALOG, {"headers": {"Authorization": "Bearer nonsense"}}),
    "access-check": (f"{LESSON}/access-check", {}),
    "playback that is refused": (f"{LESSON}/playback", {}),
    "materials": (f"{LESSON}/materials", {}),
    "quiz": (f"{LESSON}/quiz", {}),
    "submit": (f"{LESSON}/quiz/submit", {"json": {"answers": []}, "headers": {"Idempotency-Key": "k"}}),
    "an unknown event": ("/api/public/events/nothing/catalog", {}),
    "an unknown address": (f"{LESSON}/nothing", {}),
    "a query": (f"{CATALOG}?x=1", {}),
    "another spelling": ("/api/public/events/Launch/catalog", {}),
    "an encoded spelling": ("/api/public/events/l%61unch/catalog", {}),
    "a slash at the end": (f"{CATALOG}/", {}),
    "a listed origin": (CATALOG, {"headers": {"Origin": ALLOWED_ORIGIN}}),
    "another origin": (CATALOG, {"headers": {"Origin": "https://evil.example"}}),
    "another origin with a body": (CATALOG, {"json": {}, "headers": {"Origin": "https://evil.example"}}),
    "a malformed body": (CATALOG, {"content": b"{", "headers": JSON}),
    "another media type": (CATALOG, {"content": b"a=1", "headers": {"Content-Type": "text/plain"}}),
    "a charset": (CATALOG, {"content": b"{}", "headers": {"Content-Type": "application/json; charset=latin1"}}),
    "a coding": (CATALOG, {"content": b"{}", "headers": {**JSON, "Content-Encoding": "gzip"}}),
    "a long body": (CATALOG, {"content": b'{"a":"%s"}' % (b"a" * 100_000), "headers": JSON}),
    "a too long body": (CATALOG, {"content": b'{"a":"%s"}' % (b"a" * 2_000_000), "headers": JSON}),
    "a header twice": (CATALOG, {"headers": [("Authorization", "Bearer a.b.c"), ("Authorization", "Bearer d.e.f")]}),
}


@pytest.mark.parametrize(("address", "options"), REQUESTS.values(), ids=REQUESTS.keys())
def test_the_response_is_falcon_s(gateways: tuple[Gateway, Gateway], address: str, options: dict[str, Any]) -> None:
    direct, falcon = (seen(each, "POST", address, options) for each in gateways)
    assert direct == falcon


READS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: request for name, request in REQUESTS.items() if "json" not in request[1]},
    "the event": ("/api/public/events/launch", {}),
    "a former slug": ("/api/public/events/former/lessons/first/playback", {}),
    "gzip": (CATALOG, {"headers": {"Accept-Encoding": "gzip"}}),
    "brotli": (CATALOG, {"headers": {"Accept-Encoding": "br;q=0.5, *"}}),
    "no coding": (CATALOG, {"headers": {"Accept-Encoding": "identity"}}),
    "what is known": (CATALOG, {"headers": {"If-None-Match": "*"}}),
    "what is not known": (CATALOG, {"headers": {"If-None-Match": '"another"'}}),
    "what is known and refused": (f"{LESSON}/playback", {"headers": {"If-None-Match": "*"}}),
    "a check that is known": (f"{LESSON}/access-check", {"headers": {"If-None-Match": "*"}}),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("address", "options"), READS.values(), ids=READS.keys())
def test_a_read_is_falcon_s(
    gateways: tuple[Gateway, Gateway], method: str, address: str, options: dict[str, Any]
) -> None:
    direct, falcon = (seen(each, method, address, options) for each in gateways)
    assert direct == falcon


def test_every_learner_s_read_is_answered_before_falcon() -> None:
    reads = [route.path for route in PUBLIC_ROUTES if route.event_slug and "GET" in route.methods]
    with gateway_with() as gateway:
        respond_directly, outcomes = gateway._app.direct, []

        async def recorded(*request: Any) -> bool:
            outcomes.append(await respond_directly(*request))
            return bool(outcomes[-1])

        gateway._app.direct = recorded
        for path in reads:
            for method in ("GET", "HEAD"):
                gateway.send(method, path.format(event_slug="launch", lesson_slug="first"))
    assert outcomes == [True] * 12


@pytest.mark.parametrize("method", ["PUT", "OPTIONS"])
def test_other_methods_are_left_to_falcon(gateways: tuple[Gateway, Gateway], method: str) -> None:
    direct, falcon = (seen(each, method, CATALOG, {}) for each in gateways)
    assert direct == falcon


def test_a_malformed_request_id_is_replaced(gateways: tuple[Gateway, Gateway]) -> None:
    for each in gateways:
        response = each.send("POST", CATALOG, request_id="no good id!")
        assert (response.status_code, " " in response.headers["X-Request-ID"]) == (200, False)


def test_a_client_over_its_limit_gets_the_same_refusal() -> None:
    with gateway_with(RATE_LIMIT_ADDRESS_MAX="2") as direct, gateway_with(RATE_LIMIT_ADDRESS_MAX="2") as falcon:
        falcon._app.direct = None
        for each in (direct, falcon):
            respond(each)
            assert each.statuses(1, "POST", CATALOG) == [200]
        last = [[seen(each, "POST", CATALOG, {"json": {}}) for _ in range(2)] for each in (direct, falcon)]
    assert last[0] == last[1]
    assert [headers["ratelimit"][:14] for _, headers, _ in last[0]] == ['"learners";r=0'] * 2  # type: ignore[index]


def test_a_crash_gets_the_envelope_and_is_logged(gateways: tuple[Gateway, Gateway]) -> None:
    direct, falcon = gateways
    for each in (direct, falcon):
        each.content.fails("POST /internal/public/events/crash/catalog", RuntimeError("a bug"))
    address = "/api/public/events/crash/catalog"
    outcomes = []
    for each in (direct, falcon):
        response = each.send("POST", address)
        outcomes.append((parsed(response), dict(response.headers), [line["event"] for line in each.lines]))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0][0] == 500
