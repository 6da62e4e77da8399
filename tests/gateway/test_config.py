"""gateway.config: what a deployment may set and what it must."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.config import Settings, read_settings
from services.kit.core.config import LOCAL_SERVICE_SECRET, SettingsError

MANAGED = {
    "DATABASE_PROFILE": "managed",
    "SERVICE_TOKEN_SECRET": "a secret that only these tests know, long enough",
    "AUTH_URL": "http://auth:3013",
    "CONTENT_URL": "http://content:3011",
    "QUIZ_URL": "http://quiz:3012",
    "CORS_ORIGIN": "https://learn.example",
}
DEFAULTS = Settings(
    name="gateway",
    profile="local",
    host="127.0.0.1",
    port=3001,
    workers=1,
    log_level="info",
    service_secret=LOCAL_SERVICE_SECRET,
    auth_url="http://127.0.0.1:3013",
    body_timeout_seconds=10,
    content_url="http://127.0.0.1:3011",
    quiz_url="http://127.0.0.1:3012",
    upstream_timeout_seconds=10,
    requests_in_flight=128,
    cors_origins=frozenset(f"http://localhost:{port}" for port in (5173, 5174, 3000, 3002)),
    rate_limit_max=100,
    rate_limit_address_max=2000,
    rate_limit_window_ms=60_000,
    trusted_proxies=0,
    redis_url="",
    access_key_guesses=20,
    access_key_guesses_of_event=1000,
    access_key_window_ms=900_000,
    strict_transport_security="",
    cache_bytes=32 * 1024 * 1024,
    cache_stale_seconds=0,
    metrics_host="127.0.0.1",
    metrics_port=3101,
    access_log_percent=100,
)
STORES = ("redis://valkey", "rediss://:secret@valkey:6379/0", "valkey://[::1]:6379", "valkeys://g:s@v:6380/1")
STRICT = (
    "max-age=0",
    "max-age=300",
    "max-age=63072000; includeSubDomains",
    "max-age=63072000;includesubdomains; preload",
)
ORIGINS = frozenset(
    ("https://learn.example", "http://localhost:5173", "http://[::1]:5173", "http://10.0.0.1", "capacitor://localhost")
)


def problems(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read_settings(variables)
    return refused.value.problems


def test_the_local_profile_needs_no_variables() -> None:
    assert read_settings({}) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("API_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("API_PORT", "8080", "port", 8080),
        ("WEB_CONCURRENCY", "4", "workers", 4),
        ("LOG_LEVEL", "warning", "log_level", "warning"),
        ("GATEWAY_TIMEOUT_SECONDS", "3", "upstream_timeout_seconds", 3),
        ("GATEWAY_REQUESTS_IN_FLIGHT", "64", "requests_in_flight", 64),
        ("REQUEST_BODY_TIMEOUT_SECONDS", "4", "body_timeout_seconds", 4),
        ("RATE_LIMIT_ADDRESS_MAX", "7", "rate_limit_address_max", 7),
        ("RATE_LIMIT_WINDOW_MS", "500", "rate_limit_window_ms", 500),
        ("TRUSTED_PROXIES", "2", "trusted_proxies", 2),
        *(("REDIS_URL", url, "redis_url", url) for url in STORES),
        ("ACCESS_KEY_GUESSES_MAX", "5", "access_key_guesses", 5),
        ("ACCESS_KEY_GUESSES_OF_EVENT_MAX", "50", "access_key_guesses_of_event", 50),
        ("ACCESS_KEY_GUESSES_WINDOW_MS", "60000", "access_key_window_ms", 60_000),
        ("CACHE_MEGABYTES", "0", "cache_bytes", 0),
        ("CACHE_SERVE_STALE_SECONDS", "60", "cache_stale_seconds", 60),
        *(("STRICT_TRANSPORT_SECURITY", each, "strict_transport_security", each) for each in STRICT),
        ("STRICT_TRANSPORT_SECURITY", "OFF", "strict_transport_security", ""),
        (
            "CORS_ORIGIN",
            " HTTPS://Learn.Example/ ,,http://localhost:5173,http://[::1]:5173,http://10.0.0.1,capacitor://localhost,",
            "cors_origins",
            ORIGINS,
        ),
    ],
)
def test_every_setting_has_its_variable(name: str, text: str, field: str, value: Any) -> None:
    assert read_settings({name: text}) == replace(DEFAULTS, **{field: value})


@pytest.mark.parametrize("most", [7, 1_000_000])
def test_an_address_may_send_twenty_times_as_much_as_a_person(most: int) -> None:
    expected = replace(DEFAULTS, rate_limit_max=most, rate_limit_address_max=20 * most)
    assert read_settings({"RATE_LIMIT_MAX": str(most)}) == expected


def test_the_managed_profile_reads_its_addresses_and_secret() -> None:
    assert read_settings(MANAGED) == replace(
        DEFAULTS,
        profile="managed",
        service_secret=MANAGED["SERVICE_TOKEN_SECRET"],
        auth_url="http://auth:3013",
        content_url="http://content:3011",
        quiz_url="http://quiz:3012",
        cors_origins=frozenset({"https://learn.example"}),
        strict_transport_security="max-age=63072000",
    )
    assert read_settings({**MANAGED, "STRICT_TRANSPORT_SECURITY": "off"}).strict_transport_security == ""


def test_the_managed_profile_names_everything_that_is_missing() -> None:
    needs = "is missing: the managed profile needs"
    assert problems(DATABASE_PROFILE="managed") == [
        f"CORS_ORIGIN {needs} the sites whose pages may call the API",
        f"SERVICE_TOKEN_SECRET {needs} a random secret that only the services share",
        *(f"{name.upper()}_URL {needs} the address of the {name} service" for name in ("auth", "content", "quiz")),
    ]


@pytest.mark.parametrize(
    ("name", "values", "bounds"),
    [
        ("API_PORT", ("0", "65536", "http"), "1 to 65535"),
        ("WEB_CONCURRENCY", ("65",), "1 to 64"),
        ("GATEWAY_TIMEOUT_SECONDS", ("0.5", "61"), "1 to 60"),
        ("RATE_LIMIT_MAX", ("0", "-1"), "1 to 1000000"),
        ("RATE_LIMIT_ADDRESS_MAX", ("0", "20000001"), "1 to 20000000"),
        ("RATE_LIMIT_WINDOW_MS", ("86400001", "１０"), "1 to 86400000"),
        ("ACCESS_KEY_GUESSES_MAX", ("0",), "1 to 1000000"),
        ("ACCESS_KEY_GUESSES_OF_EVENT_MAX", ("1000001",), "1 to 1000000"),
        ("ACCESS_KEY_GUESSES_WINDOW_MS", ("86400001",), "1 to 86400000"),
        ("CACHE_MEGABYTES", ("1025", "-1"), "0 to 1024"),
        ("CACHE_SERVE_STALE_SECONDS", ("3601", "-1"), "0 to 3600"),
    ],
)
def test_a_number_outside_its_bounds_is_refused(name: str, values: tuple[str, ...], bounds: str) -> None:
    for value in values:
        assert problems(**{name: value}) == [f"{name} must be a whole number from {bounds}, not {value!r}"]


@pytest.mark.parametrize(
    "text",
    ["no", "max-age", "max-age=", "max-age=-1", "max-age=1\r\nSet-Cookie: a=b", "includeSubDomains", "max-age=1;"],
)
def test_a_text_that_is_no_transport_security_is_refused(text: str) -> None:
    assert problems(STRICT_TRANSPORT_SECURITY=text) == [
        "STRICT_TRANSPORT_SECURITY must be off or max-age=SECONDS, with ; includeSubDomains and ; preload if you like, "
        f"not {text!r}"
    ]


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "learn.example", "//learn.example", "https:", "https://*.learn.example", "https://:443"),
        *("https://learn.example/path", "https://ada@learn.example", "https://learn.example?a"),
        *("https://learn.example:", "https://learn.example:443443", "https://a.example https://b.example"),
        "https://lern\u0435.example",
    ],
)
def test_a_text_that_is_no_origin_is_refused(origin: str) -> None:
    problem = f"CORS_ORIGIN has {origin!r}, which is no origin such as https://a.example"
    assert problems(CORS_ORIGIN=f"https://learn.example, {origin}") == [problem]


@pytest.mark.parametrize(
    "url",
    [
        *("valkey", "valkey:6379", "http://valkey:6379", "valkey://", "valkey://:6379", "redis:///0", "redis://[::1"),
        *("redis://valkey:0", "redis://valkey:65536", "redis://valkey:port", "rediss://gateway:hunter2@:6379"),
    ],
)
def test_a_store_url_without_a_host_is_refused_and_not_repeated(url: str) -> None:
    problem = "REDIS_URL must be a valkey://, valkeys://, redis:// or rediss:// URL with a host"
    assert problems(REDIS_URL=url) == [problem]
