"""services.auth.config: what auth reads from its environment, and what it says of one that will not do."""

from dataclasses import asdict
from datetime import timedelta

import pytest

from services.auth.config import read_settings
from services.kit.core.config import SettingsError

MANAGED = {
    "DATABASE_PROFILE": "managed",
    "AUTH_DATABASE_URL": "postgresql://flix:secret@db.example/auth",
    "AUTH_URL": "http://auth:3013",
    "SERVICE_TOKEN_SECRET": "0123456789abcdef0123456789abcdef",
    "SIGNING_KEY_SECRET": "fedcba9876543210fedcba9876543210",
    "ADMIN_USERNAME": "ada",
    "ADMIN_PASSWORD": "twelve chars",
}


def problems_of(variables: dict[str, str]) -> list[str]:
    """What is said of that environment."""
    with pytest.raises(SettingsError) as refusal:
        read_settings(variables)
    assert str(refusal.value) == "\n".join(refusal.value.problems)
    return refusal.value.problems


def test_an_empty_environment_is_the_local_profile() -> None:
    assert asdict(read_settings({})) == {
        "name": "auth",
        "profile": "local",
        "host": "127.0.0.1",
        "port": 3013,
        "workers": 1,
        "log_level": "info",
        "service_secret": "local-only-service-secret-change-me",
        "auth_url": "http://127.0.0.1:3013",
        "body_timeout_seconds": 10,
        "database_url": "sqlite:///data/auth.sqlite",
        "threads": 8,
        "database_wait_seconds": 30,
        "integrity_interval_seconds": 300,
        "admin_username": "admin",
        "admin_password": "admin123",
        "access_token_lifetime": timedelta(minutes=15),
        "learner_grant_lifetime": timedelta(hours=1),
        "signing_key_secret": "local-only-signing-key-secret-change-me",
    }


def test_a_managed_environment_is_read_as_it_is() -> None:
    settings = read_settings({**MANAGED, "AUTH_PORT": "4000", "JWT_ACCESS_TTL": "1h", "LEARNER_GRANT_TTL": "10m"})
    assert (settings.profile, settings.port, settings.access_token_lifetime) == ("managed", 4000, timedelta(hours=1))
    assert settings.learner_grant_lifetime == timedelta(minutes=10)
    assert (settings.admin_username, settings.admin_password) == ("ada", "twelve chars")
    assert settings.signing_key_secret == "fedcba9876543210fedcba9876543210"


def test_in_the_managed_profile_every_missing_variable_is_named_at_once() -> None:
    assert problems_of({"DATABASE_PROFILE": "managed"}) == [
        "ADMIN_USERNAME is missing: the managed profile needs the first admin's name",
        "ADMIN_PASSWORD is missing: the managed profile needs a password for the first admin",
        "SIGNING_KEY_SECRET is missing: the managed profile needs a random secret that encrypts the signing keys",
        "SERVICE_TOKEN_SECRET is missing: the managed profile needs a random secret that only the services share",
        "AUTH_URL is missing: the managed profile needs the address of the auth service",
        "AUTH_DATABASE_URL is missing: the managed profile needs a postgresql:// URL",
    ]


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "ADMIN_PASSWORD is missing: the managed profile needs a password for the first admin"),
        ("   ", "ADMIN_PASSWORD is missing: the managed profile needs a password for the first admin"),
        ("admin123", "ADMIN_PASSWORD still has its default: the managed profile needs a password for the first admin"),
        ("eleven char", "ADMIN_PASSWORD is too short: at least 12 characters are needed"),
    ],
)
def test_a_password_that_will_not_do_is_one_line_in_the_managed_profile(password: str, problem: str) -> None:
    assert problems_of({**MANAGED, "ADMIN_PASSWORD": password}) == [problem]


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("", "SIGNING_KEY_SECRET is missing: the managed profile needs a random secret that encrypts the signing keys"),
        (
            "local-only-signing-key-secret-change-me",
            "SIGNING_KEY_SECRET still has its default: the managed profile needs a random secret that encrypts the "
            "signing keys",
        ),
        ("a" * 31, "SIGNING_KEY_SECRET is too short: at least 32 characters are needed"),
    ],
)
def test_a_secret_for_the_keys_that_will_not_do_is_one_line_in_the_managed_profile(secret: str, problem: str) -> None:
    assert problems_of({**MANAGED, "SIGNING_KEY_SECRET": secret}) == [problem]


def test_no_line_repeats_a_secret() -> None:
    secrets = {
        "ADMIN_PASSWORD": "eleven char",
        "SERVICE_TOKEN_SECRET": "short-secret",
        "SIGNING_KEY_SECRET": "short-canary",
    }
    told = "\n".join(problems_of({**MANAGED, **secrets}))
    assert [each in told for each in secrets.values()] == [False] * 3


@pytest.mark.parametrize(
    ("text", "lifetime"),
    [
        ("15m", timedelta(minutes=15)),
        ("1s", timedelta(seconds=1)),
        ("900s", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        (" 5m ", timedelta(minutes=5)),
        ("007m", timedelta(minutes=7)),
        ("", timedelta(minutes=15)),
    ],
)
def test_the_lifetime_of_a_token_is_a_number_and_a_unit(text: str, lifetime: timedelta) -> None:
    assert read_settings({"JWT_ACCESS_TTL": text}).access_token_lifetime == lifetime


@pytest.mark.parametrize(
    "text", ["15", "m", "0m", "0000s", "-5m", "1.5h", "15 m", "15M", "15min", "1h30m", "٣m", "1234567s", "15m\nx"]
)
@pytest.mark.parametrize("profile", [{}, MANAGED], ids=["local", "managed"])
def test_any_other_lifetime_is_one_line(profile: dict[str, str], text: str) -> None:
    assert problems_of({**profile, "JWT_ACCESS_TTL": text, "LEARNER_GRANT_TTL": text}) == [
        f"{name} must be a number and s, m, h or d, such as 15m, not {text!r}"
        for name in ("JWT_ACCESS_TTL", "LEARNER_GRANT_TTL")
    ]
