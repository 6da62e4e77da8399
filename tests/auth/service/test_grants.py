"""services.auth.service.grants on three stores: what is signed for whom content has judged."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.auth.entities import IssuedGrant, SignIn
from services.auth.service import AuthService
from services.kit.errors import Unauthorized
from services.kit.grants import Grant, GrantVerifier
from services.kit.tokens import AccessTokenVerifier
from tests.auth.examples import PASSWORD, a_service
from tests.auth.world import A_TOKEN, World
from tests.clock import LATER, StoppedClock

FINGERPRINT = "0123456789abcdef" * 4


def verified(service: AuthService, clock: StoppedClock, token: str) -> Grant:
    """What content sees."""

    async def fetch_keys() -> Any:
        return service.keys.published()

    keys_for = AccessTokenVerifier(fetch_keys, "content", clock).keys_for
    return asyncio.run(GrantVerifier(keys_for, clock).verify(token))


def test_a_grant_says_for_an_hour_what_content_has_judged(world: World) -> None:
    grant = world.service.grants.issue("event-1", FINGERPRINT)
    assert grant == IssuedGrant(A_TOKEN, 3600)
    assert verified(world.service, world.clock, grant.access_token) == Grant("event-1", FINGERPRINT)
    world.clock.at = LATER + timedelta(hours=1, seconds=5)
    with pytest.raises(Unauthorized):
        verified(world.service, world.clock, grant.access_token)


def test_its_time_can_be_set(world: World) -> None:
    service = a_service(world.store, world.clock, world.hasher, grant_lifetime=timedelta(minutes=5))
    grant = service.grants.issue("event-1", FINGERPRINT)
    assert grant == IssuedGrant(A_TOKEN, 300)
    world.clock.at = LATER + timedelta(minutes=5, seconds=5)
    with pytest.raises(Unauthorized):
        verified(service, world.clock, grant.access_token)


def test_grants_are_signed_with_the_key_of_access_tokens_and_neither_passes_for_the_other(world: World) -> None:
    grant = world.service.grants.issue("event-1", FINGERPRINT)
    signed_in = world.service.sign_in("ada", PASSWORD)
    assert len(world.store.signing_keys.list()) == 1
    with pytest.raises(Unauthorized):
        verified(world.service, world.clock, signed_in.access_token)
    with pytest.raises(Unauthorized):
        world.verified(SignIn(world.ada, grant.access_token, 900), "content")


def test_no_grant_shows_itself_where_it_is_printed(world: World) -> None:
    grant = world.service.grants.issue("event-1", FINGERPRINT)
    assert grant.access_token not in repr(grant)
