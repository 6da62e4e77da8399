"""Learner grants."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.errors import Unauthorized, Unavailable
from services.kit.web.tokens.access import AccessTokenVerifier
from services.kit.web.tokens.grants import Grant, GrantVerifier
from services.kit.web.tokens.revocation import Revoked
from services.kit.web.tokens.service import issue_service_token
from tests.clock import HOUR, NOON, SECOND, StoppedClock
from tests.kit.forging import BAD_ACCESS_TOKENS, SECRET, Forge, absent, segment

FINGERPRINT = "f" * 64
OF_SPRING = Grant("spring", FINGERPRINT)


class GrantForge(Forge):
    """Signs grants as auth does."""

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good grant, but for the changes."""
        nobody = {"username": absent, "role": absent, "roles": absent, "sid": absent}
        grant = {"sub": "spring", "aud": "content", "key": FINGERPRINT, "jti": "grant-1"}
        return super().claims(**{**nobody, **grant, **changes})

    def header(self, **changes: Any) -> dict[str, Any]:
        """The header of a good grant, but for the changes."""
        return super().header(**{"typ": "grant+jwt", **changes})


class Auth:
    """An auth that publishes some keys, or is down, and counts how often it is asked."""

    def __init__(self, *forges: Forge):
        self.answer: Any = {"keys": [forge.public_key for forge in forges]}
        self.failure: Exception | None = None
        self.revoked = Revoked()
        self.asked = 0
        self.clock = StoppedClock()
        self.admins = AccessTokenVerifier(self.keys, "content", self.revocations, self.clock)
        self.grants = GrantVerifier(self.admins)

    async def keys(self) -> Any:
        """A FetchKeys."""
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.answer

    async def revocations(self) -> Revoked:
        """Revocations."""
        return self.revoked

    def verify(self, token: str) -> Grant:
        """The grant."""
        return asyncio.run(self.grants.verify(token))


def test_a_grant_names_its_event_and_the_fingerprint_of_the_key_that_it_was_given_for() -> None:
    forge = GrantForge()
    assert Auth(forge).verify(forge.token()) == OF_SPRING


# What is wrong with an access token that grants do not have to have.
OF_ADMINS_ALONE = (
    "of no name",
    "of no role",
    "of no session",
    "of a session that is no text",
    "without an id",
    "whose id is no text",
)


@pytest.mark.parametrize(
    "bad",
    [bad for name, bad in BAD_ACCESS_TOKENS.items() if name not in OF_ADMINS_ALONE],
    ids=[name for name in BAD_ACCESS_TOKENS if name not in OF_ADMINS_ALONE],
)
def test_what_is_wrong_with_an_access_token_is_wrong_with_a_grant(bad: Callable[[Forge], str]) -> None:
    forge = GrantForge()
    with pytest.raises(Unauthorized):
        Auth(forge).verify(bad(forge))


@pytest.mark.parametrize(
    "token",
    [
        lambda forge: forge.token({"typ": "at+jwt"}),
        lambda forge: forge.token({"typ": "grant"}),
        lambda forge: forge.token(aud=["gateway", "quiz", "auth"]),
        lambda forge: forge.token(key=absent),
        lambda forge: forge.token(key=["f" * 64]),
        lambda _: issue_service_token(SECRET, "gateway", "content", NOON),
    ],
    ids=["an admin's type", "another type", "for others", "no fingerprint", "several fingerprints", "a service's"],
)
def test_no_other_token_is_a_grant(token: Callable[[Forge], str]) -> None:
    forge = GrantForge()
    with pytest.raises(Unauthorized):
        Auth(forge).verify(token(forge))


def test_an_admin_s_token_is_no_grant_and_a_grant_is_no_admin_s_token() -> None:
    forge = GrantForge()
    admins = Forge(audience="content")
    admins.private_key = forge.private_key
    auth = Auth(forge)
    assert asyncio.run(auth.admins.verify(admins.token())).id == "admin-1"
    with pytest.raises(Unauthorized):
        auth.verify(admins.token())
    with pytest.raises(Unauthorized):
        asyncio.run(
            auth.admins.verify(forge.token(aud=["content"], username="ada", role="admin", roles=["owner"], sid="s"))
        )


@pytest.mark.parametrize(
    ("late", "accepted"), [(-SECOND, True), (0 * SECOND, True), (4 * SECOND, True), (5 * SECOND, False), (HOUR, False)]
)
def test_a_grant_lives_until_it_expires_and_five_seconds_for_clocks_that_differ(
    late: timedelta, accepted: bool
) -> None:
    forge = GrantForge()
    auth = Auth(forge)
    auth.clock.at = NOON + HOUR + late
    if accepted:
        assert auth.verify(forge.token()) == OF_SPRING
    else:
        with pytest.raises(Unauthorized):
            auth.verify(forge.token())


def test_grants_and_access_tokens_are_verified_with_keys_that_are_fetched_once() -> None:
    forge = GrantForge()
    auth = Auth(forge)
    admins = Forge(audience="content")
    admins.private_key = forge.private_key
    asyncio.run(auth.admins.verify(admins.token()))
    assert [auth.verify(forge.token()) for _ in range(3)] == [OF_SPRING] * 3
    assert auth.asked == 1


def test_a_grant_dies_with_the_key_that_signed_it_and_not_with_an_admin_s_session() -> None:
    forge = GrantForge()
    auth = Auth(forge)
    auth.revoked = Revoked(sessions=frozenset({"session-1"}))
    assert auth.verify(forge.token()) == OF_SPRING
    auth.revoked = Revoked(keys=frozenset({forge.key_id}))
    with pytest.raises(Unauthorized):
        auth.verify(forge.token())


def test_grants_go_on_being_verified_while_auth_is_away() -> None:
    forge = GrantForge()
    auth = Auth(forge)
    assert auth.verify(forge.token()) == OF_SPRING
    auth.failure = httpx.ConnectError("refused")
    auth.clock.at += timedelta(minutes=30)
    assert auth.verify(forge.token()) == OF_SPRING


def test_without_keys_and_without_auth_nobody_can_say_what_a_grant_is_worth() -> None:
    forge = GrantForge()
    auth = Auth(forge)
    auth.failure = httpx.ConnectError("refused")
    with pytest.raises(Unavailable):
        auth.verify(forge.token())


@given(
    token=st.text(max_size=80)
    | st.lists(st.binary(max_size=40), max_size=4).map(lambda parts: ".".join(map(segment, parts)))
)
def test_no_text_makes_the_verifier_crash(token: str) -> None:
    with pytest.raises(Unauthorized):
        Auth(GrantForge()).verify(token)
