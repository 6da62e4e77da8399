"""gateway.edge in the assembled app: which pages may call it, and how often learners, people and addresses may."""

import httpx
import pytest
from joserfc.jwk import OKPKey

from services.kit.web.judgements import JUDGEMENT_HEADER, Judgement, KeyJudgement, judgement_header
from tests.gateway.fakes import ALLOWED_ORIGIN, EVENTS, Gateway, access_token, cors, gateway_with, own_error, parsed
from tests.valkey import Valkey

HOUR_MS = "3600000"
FOREIGN_ORIGIN = own_error("FORBIDDEN", "This origin may not call the API")
RATE_LIMITED = own_error("RATE_LIMITED", "Too many requests; try again later")
READABLE = {
    "vary": "Origin",
    "access-control-allow-origin": ALLOWED_ORIGIN,
    "access-control-expose-headers": "ETag, Idempotency-Replayed, Link, RateLimit, RateLimit-Policy, Retry-After, "
    "Server-Time, X-Request-ID",
}
PREFLIGHT = {"Origin": ALLOWED_ORIGIN, "Access-Control-Request-Method": "DELETE"}
FOREIGN_ORIGINS = [
    *("https://evil.example", "null", "", "*", "https://learn.example.evil.example", "https://learn.example:8443"),
    *("https://sub.learn.example", "http://learn.example", "https://LEARN.example", "https://learn.example/"),
    *("https://learn.example, https://evil.example", "https://learn.example https://evil.example", "file://"),
    *("https://evil.example#https://learn.example", "https://learn.example@evil.example", "https://learn.example."),
    *("https://learn-example", "https://learn.exampl", "https://learn.examplee", "https://evillearn.example"),
    *("https://learn.example:443", "https://learn.example\\", "https://learn.example%00.evil.example", "https://"),
    *("https://learn.example`.evil.example", "https:learn.example", "//learn.example", "learn.example"),
    *("https://lеarn.example".encode(), "https://［learn.example］".encode()),  # the first with a Cyrillic e
    *("http://localhost", "http://localhost:5175", "http://127.0.0.1:5173", "http://localhost:5173.evil.example"),
]


def limits(response: httpx.Response) -> tuple[str | None, str | None]:
    """Return the headers that tell the limit."""
    return response.headers.get("RateLimit-Policy"), response.headers.get("RateLimit")


def test_a_page_of_a_listed_origin_may_read_the_response() -> None:
    # A slash at the end of a listed origin does not matter.
    for listed in (f"{ALLOWED_ORIGIN}, http://localhost:5173", f"{ALLOWED_ORIGIN}/, http://localhost:5173/"):
        with gateway_with(CORS_ORIGIN=listed) as gateway:
            for origin in (ALLOWED_ORIGIN, "http://localhost:5173"):
                response = gateway.send("GET", EVENTS, headers={"Origin": origin, "Cookie": "session=1"})
                assert parsed(response) == (200, {"items": []})
                # Without Access-Control-Allow-Credentials.
                vary = "Origin, Accept-Encoding"
                assert cors(response) == {**READABLE, "vary": vary, "access-control-allow-origin": origin}
            without_origin = gateway.send("GET", EVENTS)
            assert (without_origin.status_code, cors(without_origin)) == (200, {"vary": "Origin, Accept-Encoding"})


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_page_of_another_origin_is_refused_and_not_reflected(gateway: Gateway, origin: str | bytes) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        response = gateway.send(method, EVENTS, headers=headers)
        assert (parsed(response), cors(response)) == ((403, FOREIGN_ORIGIN), {"vary": "Origin"})
    assert gateway.targets == []


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://127.0.0.1:3001", "127.0.0.1:3001", 200),
        ("http://[::1]:3001", "[::1]:3001", 200),
        ("https://localhost", "localhost", 200),
        ("http://127.0.0.1:3002", "127.0.0.1:3001", 403),
        # A name that a stranger may have pointed here.
        ("http://evil.example:3001", "evil.example:3001", 403),
        ("http://127.0.0.1.evil.example", "127.0.0.1.evil.example", 403),
        ("null", "null", 403),
    ],
)
def test_our_own_pages_may_call_by_address_or_as_localhost(
    gateway: Gateway, origin: str, host: str, status: int
) -> None:
    gateway.content.responds("GET /internal/public/events", {"items": []})
    gateway.content.responds("POST /internal/public/events/a/catalog", {})
    responses = [gateway.send("GET", EVENTS, headers={"Origin": origin, "Host": host})]
    responses.append(gateway.send("POST", f"{EVENTS}/a/catalog", headers={"Origin": origin, "Host": host}))
    assert [response.status_code for response in responses] == [status] * 2
    # They need no permission to read.
    assert [cors(response).keys() - {"vary"} for response in responses] == [set(), set()]


def test_two_origins_in_one_request_are_refused(gateway: Gateway) -> None:
    for origins in ([ALLOWED_ORIGIN, "https://evil.example"], [ALLOWED_ORIGIN] * 2):
        response = gateway.send("GET", EVENTS, headers=[("Origin", origin) for origin in origins])
        assert (response.status_code, cors(response)) == (403, {"vary": "Origin"})


@pytest.mark.parametrize("address", [EVENTS, "/api/events/event-1"])
def test_a_preflight_needs_no_token_and_reaches_no_service(gateway: Gateway, address: str) -> None:
    headers = {**PREFLIGHT, "Access-Control-Request-Headers": "authorization, x-evil"}
    response = gateway.send("OPTIONS", address, headers=headers)
    assert (parsed(response), gateway.targets) == ((204, None), [])
    assert cors(response) == {
        **READABLE,
        "access-control-allow-methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
        "access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-ID, "
        "Cache-Control, If-None-Match, baggage, sentry-trace, traceparent, tracestate",
        "access-control-max-age": "600",
    }


def test_an_address_over_the_limit_gets_the_seconds_to_wait() -> None:
    with gateway_with(RATE_LIMIT_ADDRESS_MAX="3", RATE_LIMIT_WINDOW_MS=HOUR_MS) as gateway:
        assert gateway.statuses(3, "GET", EVENTS) == [200] * 3
        response = gateway.send("GET", EVENTS, headers={"Origin": ALLOWED_ORIGIN})
        assert (parsed(response), cors(response)) == ((429, RATE_LIMITED), READABLE)
        seconds = response.headers["Retry-After"]
        assert 3500 < int(seconds) <= 3600
        assert limits(response) == ('"learners";q=3;w=3600', f'"learners";r=0;t={seconds}')
        assert len(gateway.content.targets) == 3


@pytest.mark.parametrize(
    ("method", "address", "policy"), [("GET", EVENTS, "learners"), ("GET", "/api/events", "requests")]
)
def test_who_has_used_more_than_half_learns_how_many_are_left(method: str, address: str, policy: str) -> None:
    limit = {"RATE_LIMIT_ADDRESS_MAX": "4", "RATE_LIMIT_MAX": "4", "RATE_LIMIT_WINDOW_MS": HOUR_MS}
    with gateway_with(**limit) as gateway:
        told = [limits(gateway.send(method, address)) for _ in range(4)]
    assert told[:2] == [(None, None)] * 2
    assert [each[0] for each in told[2:]] == [f'"{policy}";q=4;w=3600'] * 2
    assert [(each[1] or "").partition(";t=")[0] for each in told[2:]] == [f'"{policy}";r={left}' for left in (1, 0)]


def test_wrong_keys_beyond_their_limit_are_told_with_it() -> None:
    wrong = {JUDGEMENT_HEADER: judgement_header(Judgement("event-1", False, KeyJudgement("wrong", "digest", "now")))}
    with gateway_with(ACCESS_KEY_GUESSES_MAX="1", ACCESS_KEY_GUESSES_WINDOW_MS=HOUR_MS) as gateway:
        gateway.content.responds("POST /internal/public/events/x/catalog", {}, 403, **wrong)
        responses = [gateway.send("POST", f"{EVENTS}/x/catalog", json={"eventAccessKey": "a-wrong-one"}) for _ in "12"]
    assert [response.status_code for response in responses] == [403, 429]
    seconds = responses[1].headers["Retry-After"]
    assert limits(responses[1]) == ('"access-keys";q=1;w=3600', f'"access-keys";r=0;t={seconds}')


def test_every_client_has_its_own_count() -> None:
    with gateway_with(RATE_LIMIT_ADDRESS_MAX="1") as gateway:
        peers = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "::ffff:192.0.2.3", "192.0.2.3"]
        # An IPv6 network of 64 bits is one client.
        peers += ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"]
        statuses = [gateway.send("GET", EVENTS, peer=peer).status_code for peer in peers]
        assert statuses == [200, 429, 200, 200, 429, 200, 429, 200]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "X-Request-ID"])
def test_a_header_does_not_make_another_client(header: str) -> None:
    with gateway_with(RATE_LIMIT_ADDRESS_MAX="2") as gateway:
        responses = [gateway.send("GET", EVENTS, headers={header: f"198.51.100.{each}"}) for each in range(4)]
        assert [response.status_code for response in responses] == [200, 200, 429, 429]


def test_behind_a_trusted_proxy_the_client_is_the_proxy_s_caller() -> None:
    with gateway_with(RATE_LIMIT_ADDRESS_MAX="1", TRUSTED_PROXIES="1") as gateway:
        chains = ["203.0.113.1", "203.0.113.2", "203.0.113.9, 203.0.113.1", "203.0.113.1,203.0.113.3", " ", ","]
        responses = [gateway.send("GET", EVENTS, headers={"X-Forwarded-For": chain}) for chain in chains]
        # The last two name nobody and count as the proxy itself.
        assert [response.status_code for response in responses] == [200, 200, 429, 200, 200, 429]


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("203.0.113.1", "203.0.113.1"),
        ("203.0.113.1:52044", "203.0.113.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:52044", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        *((entry, "192.0.2.1") for entry in ("unknown", "_hidden", "203.0.113.256", "203.0.113.1:port")),
        *((entry, "192.0.2.1") for entry in ("[203.0.113.1", "203.0.113.1 203.0.113.2", "é", "canary" * 1000)),
    ],
)
def test_a_forwarded_entry_is_an_address_or_the_proxy_s_own_is_taken(entry: str, address: str) -> None:
    with gateway_with(TRUSTED_PROXIES="1") as gateway:
        assert gateway.send("GET", EVENTS, headers={"X-Forwarded-For": entry.encode()}).status_code == 200
        assert gateway.content.header("X-Client-Address") == [address]


@pytest.mark.parametrize(
    ("most", "requests", "statuses"),
    [
        # Sign-ins, refusals and unknown addresses are counted.
        (
            3,
            ["POST /api/admin/login", "GET /api/events", "GET /nowhere", "POST /api/admin/login"],
            [404, 401, 404, 429],
        ),
        # Learners' requests have a count of their own.
        (
            1,
            [f"GET {EVENTS}", "GET /nowhere", f"GET {EVENTS}", "GET /nowhere", "POST /api/events/x/access"],
            [200, 404, 429, 429, 429],
        ),
        # Health checks are not, but an address that only begins like one is.
        (
            1,
            ["GET /health", "GET /health/live", f"GET {EVENTS}", f"GET {EVENTS}", "GET /health"],
            [200] * 3 + [429, 200],
        ),
        (2, ["GET /healthzzz", "GET /health/readyness", "GET /healthzzz", "GET /health"], [404, 404, 429, 200]),
    ],
)
def test_everything_but_health_checks_is_counted(most: int, requests: list[str], statuses: list[int]) -> None:
    with gateway_with(RATE_LIMIT_MAX=str(most), RATE_LIMIT_ADDRESS_MAX=str(most)) as gateway:
        assert [gateway.send(*request.split()).status_code for request in requests] == statuses


def test_preflights_are_neither_counted_nor_limited() -> None:
    with gateway_with(RATE_LIMIT_ADDRESS_MAX="1") as gateway:
        methods = ["OPTIONS", "OPTIONS", "GET", "GET", "OPTIONS"]
        statuses = [gateway.send(method, EVENTS, headers=PREFLIGHT).status_code for method in methods]
        assert statuses == [204, 204, 200, 429, 204]


ME = "/api/admin/me"
OTHER_ADDRESS = "192.0.2.2"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_people_who_are_signed_in_have_their_own_counts() -> None:
    with gateway_with(RATE_LIMIT_MAX="2") as gateway:
        gateway.auth.responds(f"GET {ME}", {"item": {}})
        of_ada, another_session = bearer(access_token()), bearer(access_token(sid="session-2"))
        of_bob = bearer(access_token(sub="admin-2", username="bob", roles=["viewer"]))
        sent = [
            *((of_ada, "192.0.2.1", 200), (another_session, OTHER_ADDRESS, 200), (of_ada, OTHER_ADDRESS, 429)),
            # Neither a colleague at the same address nor those who are not signed in wait for her.
            *((of_bob, "192.0.2.1", 200), (of_bob, "192.0.2.1", 200), (of_bob, "192.0.2.1", 429)),
            *(({}, "192.0.2.1", 401), ({}, "192.0.2.1", 401), ({}, "192.0.2.1", 429)),
        ]
        statuses = [gateway.send("GET", ME, headers=headers, peer=peer).status_code for headers, peer, _ in sent]
        assert statuses == [status for _, _, status in sent]


FORGED = "canary.of-a.forger"
BAD_TOKENS = {
    "forged": lambda: [access_token(OKPKey.generate_key("Ed25519")), FORGED, FORGED + "2"],
    "expired": lambda: [access_token(exp=1, sub=f"admin-{each}") for each in range(3)],
    "of no role": lambda: [access_token(roles=["root"], sub=f"admin-{each}") for each in range(3)],
    "empty": lambda: ["", " ", "  "],
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_token_that_is_not_valid_gives_no_count(kind: str) -> None:
    with gateway_with(RATE_LIMIT_MAX="2") as gateway:
        responses = [gateway.send("GET", ME, headers=bearer(token)) for token in BAD_TOKENS[kind]()]
        assert responses[0].status_code in (401, 403)
        assert responses[2].status_code == gateway.send("GET", ME).status_code == 429
        assert gateway.send("GET", ME, peer=OTHER_ADDRESS).status_code == 401


def test_sign_in_counts_for_the_address_whatever_token_comes_with_it() -> None:
    with gateway_with(RATE_LIMIT_MAX="2") as gateway:
        paths = ["/api/admin/login", "/api/admin/token/refresh", "/api/admin/login", "/api/admin/token/refresh"]
        responses = [gateway.as_admin("POST", path, json={}) for path in paths]
        assert [response.status_code for response in responses] == [404, 404, 429, 429]


def test_an_address_of_many_forged_tokens_has_none_verified_any_more() -> None:
    with gateway_with(RATE_LIMIT_MAX="3", RATE_LIMIT_ADDRESS_MAX="2") as gateway:
        gateway.auth.responds(f"GET {ME}", {"item": {}})
        assert gateway.statuses(2, "GET", ME, headers=bearer(FORGED)) == [401, 401]
        of_ada = bearer(access_token())
        # Hers counts for the address too, which has one request left.
        assert gateway.statuses(2, "GET", ME, headers=of_ada) == [200, 429]
        assert gateway.statuses(3, "GET", ME, headers=of_ada, peer=OTHER_ADDRESS) == [200] * 3


def test_gateways_with_one_store_share_the_count(valkey: Valkey) -> None:
    shared = {"RATE_LIMIT_ADDRESS_MAX": "3", "RATE_LIMIT_WINDOW_MS": HOUR_MS, "REDIS_URL": valkey.url}
    with gateway_with(**shared) as one, gateway_with(**shared) as other:
        responses = [gateway.send("GET", EVENTS) for gateway in (one, other, one, other, one)]
        assert [response.status_code for response in responses] == [200, 200, 200, 429, 429]
        assert 3500 < int(responses[3].headers["Retry-After"]) <= 3600
        assert other.send("GET", EVENTS, peer="192.0.2.2").status_code == 200


def test_a_path_that_is_no_address_is_counted_and_its_origin_checked() -> None:
    with gateway_with(RATE_LIMIT_MAX="1") as gateway:
        unknown, limited = (gateway.send("GET", "/api/%0a", headers={"Origin": ALLOWED_ORIGIN}) for _ in range(2))
        foreign = gateway.send("GET", "/api/%0a", headers={"Origin": "https://evil.example"})
        assert [response.status_code for response in (unknown, limited, foreign)] == [404, 429, 403]
        assert cors(unknown) == cors(limited) == READABLE
