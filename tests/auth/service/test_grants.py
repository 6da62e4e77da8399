"""services.auth.service.grants on three stores: what is signed for whom content has judged."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.auth.entities import IssuedGrant
from services.kit.core.errors import Unauthorized
from services.kit.web.tokens.grants import Grant
from tests.auth.examples import PASSWORD, a_service
from tests.auth.world import A_TOKEN, World
from tests.clock import HOUR, LATER, SECOND

FINGERPRINT = "0123456789abcdef" * 4


@pytest.fixture
def world(world: World) -> World:
    """Its grants live for an hour, which is longer than its access tokens do."""
    world.service = a_service(world.store, world.clock, world.hasher, grant_lifetime=HOUR)
    return world


def test_a_grant_says_for_an_hour_what_content_has_judged(world: World) -> None:
    grant = world.service.grants.issue("event-1", FINGERPRINT)
    assert grant == IssuedGrant(A_TOKEN, 3600)
    assert world.granted(grant.access_token) == Grant("event-1", FINGERPRINT)
    world.clock.at = LATER + HOUR + 5 * SECOND
    with pytest.raises(Unauthorized):
        world.granted(grant.access_token)


def test_its_time_can_be_set(world: World) -> None:
    world.service = a_service(world.store, world.clock, world.hasher, grant_lifetime=timedelta(minutes=5))
    grant = world.service.grants.issue("event-1", FINGERPRINT)
    assert grant == IssuedGrant(A_TOKEN, 300)
    world.clock.at = LATER + timedelta(minutes=5, seconds=5)
    with pytest.raises(Unauthorized):
        world.granted(grant.access_token)


def test_grants_are_signed_with_the_key_of_access_tokens_and_neither_passes_for_the_other(world: World) -> None:
    grant = world.service.grants.issue("event-1", FINGERPRINT)
    signed_in = world.service.sign_in("ada", PASSWORD)
    assert len(world.store.signing_keys.list()) == 1
    with pytest.raises(Unauthorized):
        world.granted(signed_in.access_token)
    with pytest.raises(Unauthorized):
        world.verified(replace(signed_in, access_token=grant.access_token), "content")


def test_a_grant_lives_to_its_end_when_another_key_signs_meanwhile(world: World) -> None:
    world.service.keys.published()
    world.service.keys.rotate()
    # The last moment at which the old key signs.
    world.clock.at += timedelta(minutes=6) - SECOND
    grant = world.service.grants.issue("event-1", FINGERPRINT)
    world.clock.at += HOUR
    assert len(world.service.keys.published()["keys"]) == 2
    assert world.granted(grant.access_token) == Grant("event-1", FINGERPRINT)


def test_a_grant_dies_with_a_key_that_leaked(world: World) -> None:
    grant = world.service.grants.issue("event-1", FINGERPRINT)
    world.service.keys.rotate_at_once()
    with pytest.raises(Unauthorized):
        world.granted(grant.access_token)


def test_no_grant_shows_itself_where_it_is_printed(world: World) -> None:
    grant = world.service.grants.issue("event-1", FINGERPRINT)
    assert grant.access_token not in repr(grant)
