"""gateway.config: what a deployment may set, what it need not, and what it must."""

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


def problems(**variables: str) -> list[str]:
    """What is wrong with these variables."""
    with pytest.raises(SettingsError) as refused:
        read_settings(variables)
    return refused.value.problems


def test_the_local_profile_needs_nothing() -> None:
    assert read_settings({}) == Settings(
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
        cors_origins=frozenset(f"http://localhost:{port}" for port in (5173, 5174, 3000, 3002)),
        rate_limit_max=100,
        rate_limit_window_ms=60_000,
        trusted_proxies=0,
        redis_url="",
        access_key_guesses=20,
        access_key_guesses_of_event=1000,
        access_key_window_ms=900_000,
    )


def test_everything_can_be_set() -> None:
    variables = {
        **MANAGED,
        "API_HOST": "0.0.0.0",
        "API_PORT": "8080",
        "WEB_CONCURRENCY": "4",
        "LOG_LEVEL": "warning",
        "GATEWAY_TIMEOUT_SECONDS": "3",
        "REQUEST_BODY_TIMEOUT_SECONDS": "4",
        "RATE_LIMIT_MAX": "7",
        "RATE_LIMIT_WINDOW_MS": "500",
        "TRUSTED_PROXIES": "2",
        "REDIS_URL": "valkeys://gateway:secret@valkey:6380/1",
        "ACCESS_KEY_GUESSES_MAX": "5",
        "ACCESS_KEY_GUESSES_OF_EVENT_MAX": "50",
        "ACCESS_KEY_GUESSES_WINDOW_MS": "60000",
        "CORS_ORIGIN": " https://learn.example ,, https://admin.example,",
    }

    assert read_settings(variables) == Settings(
        name="gateway",
        profile="managed",
        host="0.0.0.0",
        port=8080,
        workers=4,
        log_level="warning",
        service_secret=MANAGED["SERVICE_TOKEN_SECRET"],
        auth_url="http://auth:3013",
        body_timeout_seconds=4,
        content_url="http://content:3011",
        quiz_url="http://quiz:3012",
        upstream_timeout_seconds=3,
        cors_origins=frozenset({"https://learn.example", "https://admin.example"}),
        rate_limit_max=7,
        rate_limit_window_ms=500,
        trusted_proxies=2,
        redis_url="valkeys://gateway:secret@valkey:6380/1",
        access_key_guesses=5,
        access_key_guesses_of_event=50,
        access_key_window_ms=60_000,
    )


def test_the_managed_profile_names_everything_that_is_missing_in_one_line_each() -> None:
    assert problems(DATABASE_PROFILE="managed") == [
        "CORS_ORIGIN is missing: the managed profile needs the sites whose pages may call the API",
        "SERVICE_TOKEN_SECRET is missing: the managed profile needs a random secret that only the services share",
        "AUTH_URL is missing: the managed profile needs the address of the auth service",
        "CONTENT_URL is missing: the managed profile needs the address of the content service",
        "QUIZ_URL is missing: the managed profile needs the address of the quiz service",
    ]


def test_the_managed_profile_refuses_a_secret_that_everyone_knows_or_can_guess() -> None:
    assert problems(**{**MANAGED, "SERVICE_TOKEN_SECRET": LOCAL_SERVICE_SECRET}) == [
        "SERVICE_TOKEN_SECRET still has its default: the managed profile needs a random secret that only the services"
        " share"
    ]
    assert problems(**{**MANAGED, "SERVICE_TOKEN_SECRET": "short"}) == [
        "SERVICE_TOKEN_SECRET is too short: at least 32 characters are needed"
    ]


@pytest.mark.parametrize(
    ("name", "value", "bounds"),
    [
        ("API_PORT", "0", "1 to 65535"),
        ("API_PORT", "65536", "1 to 65535"),
        ("API_PORT", "http", "1 to 65535"),
        ("WEB_CONCURRENCY", "65", "1 to 64"),
        ("GATEWAY_TIMEOUT_SECONDS", "0.5", "1 to 60"),
        ("GATEWAY_TIMEOUT_SECONDS", "61", "1 to 60"),
        ("RATE_LIMIT_MAX", "0", "1 to 1000000"),
        ("RATE_LIMIT_MAX", "-1", "1 to 1000000"),
        ("ACCESS_KEY_GUESSES_MAX", "0", "1 to 1000000"),
        ("ACCESS_KEY_GUESSES_OF_EVENT_MAX", "1000001", "1 to 1000000"),
        ("ACCESS_KEY_GUESSES_WINDOW_MS", "86400001", "1 to 86400000"),
        ("RATE_LIMIT_WINDOW_MS", "86400001", "1 to 86400000"),
        ("RATE_LIMIT_WINDOW_MS", "１０", "1 to 86400000"),
    ],
)
def test_a_number_outside_its_bounds_is_named_with_them(name: str, value: str, bounds: str) -> None:
    assert problems(**{name: value}) == [f"{name} must be a whole number from {bounds}, not {value!r}"]


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "learn.example", "//learn.example", "https:", "https://*.learn.example", "https://:443"),
        *(
            "https://learn.example/path",
            "https://ada@learn.example",
            "https://learn.example?a",
            "https://learn.example:",
        ),
        *("https://learn.example:443443", "https://a.example https://b.example", "https://lern\u0435.example"),
    ],
)
def test_what_is_no_origin_is_not_allowed_to_look_like_one(origin: str) -> None:
    told = f"CORS_ORIGIN has {origin!r}, which is no origin such as https://a.example"

    assert problems(CORS_ORIGIN=f"https://learn.example, {origin}") == [told]


def test_an_origin_may_have_a_port_an_address_or_the_scheme_of_an_app() -> None:
    origins = "HTTPS://Learn.Example/,http://localhost:5173,http://[::1]:5173,http://10.0.0.1,capacitor://localhost"

    assert read_settings({"CORS_ORIGIN": origins}).cors_origins == {
        "https://learn.example",
        "http://localhost:5173",
        "http://[::1]:5173",
        "http://10.0.0.1",
        "capacitor://localhost",
    }


@pytest.mark.parametrize(
    "url",
    [
        "valkey",
        "valkey:6379",
        "http://valkey:6379",
        "valkey://",
        "valkey://:6379",
        "redis:///0",
        "redis://valkey:0",
        "redis://valkey:65536",
        "redis://valkey:port",
        "rediss://gateway:hunter2@:6379",
        "redis://[::1",
    ],
)
def test_a_store_that_cannot_be_reached_by_its_url_is_refused_without_repeating_it(url: str) -> None:
    assert problems(REDIS_URL=url) == [
        "REDIS_URL must be a valkey://, valkeys://, redis:// or rediss:// URL with a host"
    ]


@pytest.mark.parametrize("url", ["redis://valkey", "rediss://:secret@valkey:6379/0", "valkey://[::1]:6379"])
def test_the_store_may_be_valkey_or_redis(url: str) -> None:
    assert read_settings({"REDIS_URL": url}).redis_url == url


def test_every_problem_is_told_at_once() -> None:
    assert problems(DATABASE_PROFILE="production", API_PORT="x", RATE_LIMIT_MAX="y") == [
        "DATABASE_PROFILE must be local or managed, not 'production'",
        "API_PORT must be a whole number from 1 to 65535, not 'x'",
        "RATE_LIMIT_MAX must be a whole number from 1 to 1000000, not 'y'",
    ]
