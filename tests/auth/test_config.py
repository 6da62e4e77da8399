"""Auth's settings: what is read from the environment, and the problems of a bad one."""

from dataclasses import asdict
from datetime import timedelta

import pytest

from services.auth.config import read_settings
from services.kit.core.config import Environment, ServiceSettings, SettingsError

MANAGED = {
    "DATABASE_PROFILE": "managed",
    "AUTH_DATABASE_URL": "postgresql://flix:secret@db.example/auth",
    "AUTH_URL": "http://auth:3013",
    "SERVICE_TOKEN_SECRET": "0123456789abcdef0123456789abcdef",
    "SIGNING_KEY_SECRET": "fedcba9876543210fedcba9876543210",
    "ADMIN_USERNAME": "ada",
    "ADMIN_PASSWORD": "twelve chars",
}
NEEDS = "the managed profile needs"
PASSWORD_NEEDED = f"{NEEDS} a password for the first admin"
SECRET_NEEDED = f"{NEEDS} a random secret that encrypts the signing keys"


def problems_of(variables: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as error:
        read_settings(variables)
    assert str(error.value) == "\n".join(error.value.problems)
    return error.value.problems


def test_an_empty_environment_is_the_local_profile() -> None:
    common = asdict(ServiceSettings.read(Environment({}), "auth"))
    assert asdict(read_settings({})) == {
        **common,
        "admin_username": "admin",
        "admin_password": "admin123",
        "access_token_lifetime": timedelta(minutes=15),
        "learner_grant_lifetime": timedelta(hours=1),
        "signing_key_secret": "local-only-signing-key-secret-change-me",
    }


def test_the_first_admin_has_a_name_that_people_see() -> None:
    assert read_settings({**MANAGED, "ADMIN_USERNAME": " jose\u0301 "}).admin_username == "josé"
    for username in ("\u200b\ufeff", "ada\nlovelace", "ada\u202elovelace"):
        problem = "ADMIN_USERNAME must be one line with a visible character"
        assert problems_of({**MANAGED, "ADMIN_USERNAME": username}) == [problem]


def test_a_managed_environment_is_read() -> None:
    settings = read_settings({**MANAGED, "AUTH_PORT": "4000", "JWT_ACCESS_TTL": "1h", "LEARNER_GRANT_TTL": "10m"})
    assert (settings.profile, settings.port, settings.access_token_lifetime) == ("managed", 4000, timedelta(hours=1))
    assert settings.learner_grant_lifetime == timedelta(minutes=10)
    assert (settings.admin_username, settings.admin_password) == ("ada", "twelve chars")
    assert settings.signing_key_secret == "fedcba9876543210fedcba9876543210"


def test_the_managed_profile_names_every_missing_variable() -> None:
    assert problems_of({"DATABASE_PROFILE": "managed"}) == [
        f"ADMIN_USERNAME is missing: {NEEDS} the first admin's name",
        f"ADMIN_PASSWORD is missing: {PASSWORD_NEEDED}",
        f"SIGNING_KEY_SECRET is missing: {SECRET_NEEDED}",
        f"SERVICE_TOKEN_SECRET is missing: {NEEDS} a random secret that only the services share",
        f"AUTH_URL is missing: {NEEDS} the address of the auth service",
        f"AUTH_DATABASE_URL is missing: {NEEDS} a postgresql:// URL",
    ]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("ADMIN_PASSWORD", "   ", f"is missing: {PASSWORD_NEEDED}"),
        ("ADMIN_PASSWORD", "admin123", f"still has its default: {PASSWORD_NEEDED}"),
        ("ADMIN_PASSWORD", "eleven char", "is too short: at least 12 characters are needed"),
        ("SIGNING_KEY_SECRET", "", f"is missing: {SECRET_NEEDED}"),
        ("SIGNING_KEY_SECRET", "local-only-signing-key-secret-change-me", f"still has its default: {SECRET_NEEDED}"),
        ("SIGNING_KEY_SECRET", "a" * 31, "is too short: at least 32 characters are needed"),
    ],
)
def test_the_managed_profile_refuses_weak_secrets(name: str, value: str, problem: str) -> None:
    assert problems_of({**MANAGED, name: value}) == [f"{name} {problem}"]


@pytest.mark.parametrize(
    ("text", "lifetime"),
    [
        *(("1s", timedelta(seconds=1)), ("15m", timedelta(minutes=15)), ("2h", timedelta(hours=2))),
        *(("7d", timedelta(days=7)), (" 5m ", timedelta(minutes=5)), ("007m", timedelta(minutes=7))),
        ("", timedelta(minutes=15)),
    ],
)
def test_a_lifetime_is_a_number_and_a_unit(text: str, lifetime: timedelta) -> None:
    assert read_settings({"JWT_ACCESS_TTL": text}).access_token_lifetime == lifetime


@pytest.mark.parametrize(
    "text", ["15", "m", "0m", "0000s", "-5m", "1.5h", "15 m", "15M", "15min", "1h30m", "٣m", "1234567s", "15m\nx"]
)
def test_any_other_lifetime_is_a_problem(text: str) -> None:
    for profile in ({}, MANAGED):
        assert problems_of({**profile, "JWT_ACCESS_TTL": text, "LEARNER_GRANT_TTL": text}) == [
            f"{name} must be a number and s, m, h or d, such as 15m, not {text!r}"
            for name in ("JWT_ACCESS_TTL", "LEARNER_GRANT_TTL")
        ]
