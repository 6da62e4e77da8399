"""gateway.edge at the assembled app: which pages may call it, and how often an address may."""

import httpx
import pytest

from tests.gateway.door import ALLOWED_ORIGIN, EVENTS, Door, cors, opened
from tests.valkey import Valkey

INTERNAL_EVENTS = "GET /internal/public/events"
FOREIGN_ORIGINS = [
    "https://evil.example",
    "null",
    "",
    "*",
    "https://learn.example.evil.example",
    "https://learn.example:8443",
    "https://sub.learn.example",
    "http://learn.example",
    "https://LEARN.example",
    "https://learn.example/",
    "https://learn.example, https://evil.example",
    "https://learn.example https://evil.example",
    "https://evil.example#https://learn.example",
    "https://learn.example@evil.example",
    "https://learn.example.",
    "https://learn-example",
    "https://learn.exampl",
    "https://learn.examplee",
    "https://evillearn.example",
    "https://learn.example:443",
    "https://learn.example\\",
    "https://learn.example%00.evil.example",
    "https://learn.example`.evil.example",
    "https:learn.example",
    "//learn.example",
    "learn.example",
    "file://",
    "https://",
    "https://lеarn.example".encode(),  # a Cyrillic e
    "https://［learn.example］".encode(),
    "http://localhost",
    "http://localhost:5175",
    "http://127.0.0.1:5173",
    "http://localhost:5173.evil.example",
]


@pytest.mark.parametrize("origin", [ALLOWED_ORIGIN, "http://localhost:5173"])
def test_a_page_of_a_listed_origin_may_read_the_answer(door: Door, origin: str) -> None:
    door.content.answers(INTERNAL_EVENTS, {"items": []})

    answer = door.send("GET", EVENTS, headers={"Origin": origin})

    assert (answer.status_code, answer.json()) == (200, {"items": []})
    assert cors(answer) == {
        "vary": "Origin",
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "ETag, Idempotency-Replayed, Retry-After, X-Request-ID",
    }


def test_two_origins_are_none_that_is_listed(door: Door) -> None:
    for origins in ([ALLOWED_ORIGIN, "https://evil.example"], [ALLOWED_ORIGIN] * 2):
        answer = door.send("GET", EVENTS, headers=[("Origin", origin) for origin in origins])

        assert (answer.status_code, cors(answer)) == (403, {"vary": "Origin"})


def test_who_sends_no_origin_is_not_a_page(door: Door) -> None:
    door.content.answers(INTERNAL_EVENTS, {"items": []})

    answer = door.send("GET", EVENTS)

    assert answer.status_code == 200
    assert cors(answer) == {"vary": "Origin"}


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_page_of_another_origin_is_refused_and_not_reflected(door: Door, method: str, origin: str | bytes) -> None:
    headers = {"Origin": origin, "X-Request-ID": "request-1", "Access-Control-Request-Method": "POST"}

    answer = door.send(method, EVENTS, headers=headers)

    assert answer.status_code == 403
    assert answer.json() == {
        "error": "FORBIDDEN",
        "message": "This origin may not call the API",
        "requestId": "request-1",
    }
    assert cors(answer) == {"vary": "Origin"}
    assert door.asked == []


@pytest.mark.parametrize("address", [EVENTS, "/api/events/event-1"])
def test_a_preflight_is_answered_at_the_door_without_a_token(door: Door, address: str) -> None:
    headers = {
        "Origin": ALLOWED_ORIGIN,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization, x-evil",
    }

    answer = door.send("OPTIONS", address, headers=headers)

    assert (answer.status_code, answer.content) == (204, b"")
    assert cors(answer) == {
        "vary": "Origin",
        "access-control-allow-origin": ALLOWED_ORIGIN,
        "access-control-expose-headers": "ETag, Idempotency-Replayed, Retry-After, X-Request-ID",
        "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
        "access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-ID",
        "access-control-max-age": "600",
    }
    assert door.asked == []


def test_credentials_are_never_allowed_across_origins(door: Door) -> None:
    answer = door.send("GET", EVENTS, headers={"Origin": ALLOWED_ORIGIN, "Cookie": "session=1"})

    assert "access-control-allow-credentials" not in answer.headers


def test_an_address_is_answered_so_often_and_then_told_when_to_come_back() -> None:
    with opened(RATE_LIMIT_MAX="3", RATE_LIMIT_WINDOW_MS="3600000") as door:
        allowed = [door.send("GET", EVENTS).status_code for _ in range(3)]
        answer = door.send("GET", EVENTS, headers={"X-Request-ID": "request-1"})

        assert allowed == [200, 200, 200]
        assert answer.status_code == 429
        assert answer.json() == {
            "error": "RATE_LIMITED",
            "message": "Too many requests; try again later",
            "requestId": "request-1",
        }
        assert 3500 < int(answer.headers["Retry-After"]) <= 3600
        assert len(door.content.asked) == 3


def test_another_address_has_a_count_of_its_own() -> None:
    with opened(RATE_LIMIT_MAX="1") as door:
        peers = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::1"]

        assert [door.send("GET", EVENTS, peer=peer).status_code for peer in peers] == [200, 429, 200, 200, 429]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "X-Request-ID"])
def test_a_header_does_not_make_another_address(header: str) -> None:
    with opened(RATE_LIMIT_MAX="2") as door:
        answers = [door.send("GET", EVENTS, headers={header: f"198.51.100.{number}"}) for number in range(4)]

        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]


def test_behind_one_proxy_of_ours_the_address_is_the_one_that_the_proxy_was_called_by() -> None:
    with opened(RATE_LIMIT_MAX="1", TRUSTED_PROXIES="1") as door:
        chains = ["203.0.113.1", "203.0.113.2", "203.0.113.9, 203.0.113.1", "203.0.113.1,203.0.113.3", " ", ","]

        answers = [door.send("GET", EVENTS, headers={"X-Forwarded-For": chain}) for chain in chains]

        # The fifth names nobody and counts as the proxy itself, as does the sixth.
        assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 200, 429]


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("203.0.113.1", "203.0.113.1"),
        ("203.0.113.1:52044", "203.0.113.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:52044", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", "192.0.2.1"),
        ("_hidden", "192.0.2.1"),
        ("203.0.113.256", "192.0.2.1"),
        ("203.0.113.1:port", "192.0.2.1"),
        ("[203.0.113.1", "192.0.2.1"),
        ("203.0.113.1 203.0.113.2", "192.0.2.1"),
        ("é", "192.0.2.1"),
        ("canary" * 1000, "192.0.2.1"),
    ],
)
def test_what_a_proxy_tells_is_an_address_or_the_proxy_s_own_is_taken(told: str, address: str) -> None:
    with opened(TRUSTED_PROXIES="1") as door:
        answer = door.send("GET", EVENTS, headers={"X-Forwarded-For": told.encode()})

        assert answer.status_code == 200
        assert [request.headers["X-Client-Address"] for request in door.content.requests] == [address]


def test_sign_ins_refusals_and_unknown_addresses_count_as_well() -> None:
    with opened(RATE_LIMIT_MAX="3") as door:
        tries = [
            ("POST", "/api/admin/login"),
            ("GET", "/api/events"),
            ("GET", "/nowhere"),
            ("POST", "/api/admin/login"),
        ]

        answers = [door.send(method, address) for method, address in tries]

        assert [answer.status_code for answer in answers] == [404, 401, 404, 429]
        assert door.auth.asked == ["POST /internal/login"]


def test_health_checks_are_neither_counted_nor_limited() -> None:
    with opened(RATE_LIMIT_MAX="1") as door:
        addresses = ["/health", "/health/live", "/health", "/health/live", EVENTS, EVENTS, "/health"]

        assert [door.send("GET", address).status_code for address in addresses] == [200, 200, 200, 200, 200, 429, 200]


def test_an_address_that_only_begins_as_a_health_check_s_is_counted() -> None:
    with opened(RATE_LIMIT_MAX="2") as door:
        addresses = ["/healthzzz", "/health/readyness", "/healthzzz", "/health"]

        assert [door.send("GET", address).status_code for address in addresses] == [404, 404, 429, 200]


def test_an_origin_that_is_listed_with_a_slash_at_its_end_is_that_origin() -> None:
    with opened(CORS_ORIGIN=f"{ALLOWED_ORIGIN}/, http://localhost:5173/") as door:
        for origin in (ALLOWED_ORIGIN, "http://localhost:5173"):
            answer = door.send("GET", EVENTS, headers={"Origin": origin})

            assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)


def test_preflights_are_neither_counted_nor_limited() -> None:
    headers = {"Origin": ALLOWED_ORIGIN, "Access-Control-Request-Method": "POST"}
    with opened(RATE_LIMIT_MAX="1") as door:
        tries = ["OPTIONS", "OPTIONS", "GET", "GET", "OPTIONS"]

        statuses = [door.send(method, EVENTS, headers=headers).status_code for method in tries]

        assert statuses == [204, 204, 200, 429, 204]


def test_a_limited_page_may_read_that_it_is_limited() -> None:
    with opened(RATE_LIMIT_MAX="1") as door:
        answers = [door.send("GET", EVENTS, headers={"Origin": ALLOWED_ORIGIN}) for _ in range(2)]

        assert answers[1].status_code == 429
        assert cors(answers[1]) == cors(answers[0])


def test_addresses_of_one_ipv6_network_have_one_count() -> None:
    with opened(RATE_LIMIT_MAX="2") as door:
        peers = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1::3", "2001:db8:0:2::1", "::ffff:192.0.2.1"]

        assert [door.send("GET", EVENTS, peer=peer).status_code for peer in peers] == [200, 200, 429, 200, 200]
        assert [door.send("GET", EVENTS, peer="192.0.2.1").status_code for _ in range(2)] == [200, 429]


def test_gateways_with_one_store_share_the_count(valkey: Valkey) -> None:
    shared = {"RATE_LIMIT_MAX": "3", "RATE_LIMIT_WINDOW_MS": "3600000", "REDIS_URL": valkey.url}
    with opened(**shared) as one, opened(**shared) as other:
        answers = [door.send("GET", EVENTS) for door in (one, other, one, other, one)]
        elsewhere = other.send("GET", EVENTS, peer="192.0.2.2")

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert 3500 < int(answers[3].headers["Retry-After"]) <= 3600
        assert elsewhere.status_code == 200


def test_without_the_store_requests_go_on_and_are_counted_by_each_gateway(valkey: Valkey) -> None:
    shared = {"RATE_LIMIT_MAX": "2", "REDIS_URL": valkey.url}
    with opened(**shared) as one, opened(**shared) as other:
        assert [door.send("GET", EVENTS).status_code for door in (one, other)] == [200, 200]
        valkey.stop()

        statuses = {
            name: [door.send("GET", EVENTS).status_code for _ in range(3)]
            for name, door in {"one": one, "other": other}.items()
        }

        assert statuses == {"one": [200, 200, 429], "other": [200, 200, 429]}
        assert one.everything_logged.count("rate_limit_store_unavailable") == 1


def test_an_address_that_is_none_is_counted_and_judged_by_its_origin_as_others_are() -> None:
    with opened(RATE_LIMIT_MAX="1") as door:
        allowed, limited = (door.send("GET", "/api/%0a", headers={"Origin": ALLOWED_ORIGIN}) for _ in range(2))
        foreign = door.send("GET", "/api/%0a", headers={"Origin": "https://evil.example"})

        assert [answer.status_code for answer in (allowed, limited, foreign)] == [404, 429, 403]
        assert cors(allowed) == cors(limited) == {**cors(foreign), **cors(allowed)}


def test_the_next_window_lets_the_address_in_again() -> None:
    # A window is a second at least.
    with opened(RATE_LIMIT_MAX="1", RATE_LIMIT_WINDOW_MS="1") as door:
        refused = first(door, 429)
        first(door, 200)

        assert refused.headers["Retry-After"] == "1"


def first(door: Door, status: int) -> httpx.Response:
    """Ask until an answer has this status, and give that one."""
    for _ in range(100_000):
        answer = door.send("GET", EVENTS)
        if answer.status_code == status:
            return answer
    raise AssertionError(f"no answer had the status {status}")
