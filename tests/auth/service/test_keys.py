"""services.auth.service.keys on three stores: who makes keys, which one signs, and which are published."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from joserfc.jwk import OKPKey
from structlog.testing import capture_logs

from services.auth import rules
from services.auth.entities import SigningKey
from services.auth.errors import KeyUnreadable, KeyWaiting, SigningUnavailable
from services.auth.repository.contracts import AuthStore
from services.kit.core.errors import Unauthorized
from tests.auth.examples import LIFETIME, PASSWORD, SEAL, a_key, a_service
from tests.auth.world import World
from tests.clock import LATER, MILLISECOND, NOON
from tests.matching import NEW_ID, Matching

LEAD = rules.KEY_LEAD


def plain(key_id: str) -> SigningKey:
    """As the first release kept them."""
    pair = OKPKey.generate_key("Ed25519")
    private, public = (json.dumps(pair.as_dict(private=each)) for each in (True, False))
    return SigningKey(key_id, private, public, NOON, None)


def published(world: World) -> list[str]:
    """The ids of the published keys."""
    return [key["kid"] for key in world.service.keys.published()["keys"]]


def signer(world: World) -> str:
    """The id of the key that signs now."""
    key_id: str = world.token_of(world.service.sign_in("ada", PASSWORD)).header["kid"]
    return key_id


def test_the_first_to_ask_makes_the_key_that_later_sign_ins_use(world: World) -> None:
    published = world.service.keys.published()
    [key] = world.store.signing_keys.list()
    assert (key.id, key.created_at) == (NEW_ID, LATER)
    assert published == {
        "keys": [{"kty": "OKP", "crv": "Ed25519", "x": Matching(".+"), "kid": key.id, "use": "sig", "alg": "Ed25519"}]
    }
    world.service.sign_in("ada", PASSWORD)
    assert world.service.keys.published() == published


def test_no_published_key_has_a_private_part(world: World) -> None:
    world.service.sign_in("ada", PASSWORD)
    assert [set(key) for key in world.service.keys.published()["keys"]] == [{"kty", "crv", "x", "kid", "use", "alg"}]


def test_a_retired_key_is_neither_published_nor_used(world: World) -> None:
    world.store.signing_keys.add(a_key(retired_at=NOON))
    assert signer(world) == published(world)[0] == NEW_ID
    assert len(published(world)) == 1


def test_a_new_key_is_kept_so_that_only_the_secret_opens_it(world: World) -> None:
    world.service.sign_in("ada", PASSWORD)
    [key] = world.store.signing_keys.list()
    assert rules.is_sealed(key)
    assert list(rules.seal_violations(key, SEAL)) == []


def test_keys_of_the_first_release_go_on_and_are_sealed_when_one_of_them_signs(world: World) -> None:
    first, second = plain("key-1"), replace(plain("key-2"), created_at=LATER)
    world.store.signing_keys.add(first)
    world.store.signing_keys.add(second)
    world.service.keys.require_readable()
    assert published(world) == ["key-1", "key-2"]
    assert list(world.store.signing_keys.list()) == [first, second]
    assert signer(world) == "key-2"
    kept = world.store.signing_keys.list()
    assert [rules.is_sealed(each) for each in kept] == [True, True]
    private = [rules.opened(each, SEAL).as_dict(private=True) for each in kept]
    assert private == [json.loads(each.private_key) for each in (first, second)]
    assert signer(world) == "key-2"
    assert world.store.signing_keys.list() == kept


# Rotation


def test_a_rotated_key_is_published_at_once_and_signs_when_nobody_keeps_older_keys(world: World) -> None:
    first = signer(world)
    [before] = world.store.signing_keys.list()
    rotation = world.service.keys.rotate()
    second, signs_from = rotation.key.id, LATER + LEAD
    assert rotation.key == replace(rotation.key, id=NEW_ID, created_at=LATER, signs_from=signs_from, retired_at=None)
    assert rotation.retired == [replace(before, retired_at=signs_from + LIFETIME + rules.KEY_MARGIN)]
    assert world.service.keys.list() == [*rotation.retired, rotation.key]
    for at, signing, shown in (
        (LATER, first, [first, second]),
        (signs_from - MILLISECOND, first, [first, second]),
        (signs_from, second, [first, second]),
        (signs_from + LIFETIME + rules.KEY_MARGIN - MILLISECOND, second, [first, second]),
        (signs_from + LIFETIME + rules.KEY_MARGIN, second, [second]),
    ):
        world.clock.at = at
        assert (published(world), signer(world)) == (shown, signing)


def test_a_key_is_told_to_be_retired_for_a_day_and_forgotten_with_the_next_sign_in(world: World) -> None:
    first = signer(world)
    retired_at = world.service.keys.rotate().retired[0].retired_at
    assert retired_at is not None
    told = []
    for passed in (-MILLISECOND, 0 * MILLISECOND, timedelta(days=1) - MILLISECOND, timedelta(days=1)):
        world.clock.at = retired_at + passed
        world.service.sign_in("ada", PASSWORD)
        told.append((list(world.service.keys.retired()), len(world.service.keys.list())))
    assert told == [([], 2), ([first], 2), ([first], 2), ([], 1)]


def test_while_a_key_waits_another_rotation_is_refused_and_changes_nothing(world: World) -> None:
    signer(world)
    world.service.keys.rotate()
    keys = world.service.keys.list()
    with pytest.raises(KeyWaiting):
        world.service.keys.rotate()
    assert world.service.keys.list() == keys
    world.clock.at = LATER + LEAD
    retired = world.service.keys.rotate().retired
    # The one that was retired before is published for as long as it was to be.
    assert [each.id for each in retired] == [keys[1].id]
    assert world.service.keys.list()[0] == keys[0]


def test_the_first_rotation_of_an_empty_installation_makes_the_key_that_signs_now(world: World) -> None:
    rotation = world.service.keys.rotate()
    assert (rotation.retired, signer(world)) == ([], rotation.key.id)


def test_at_once_every_key_is_retired_and_a_new_one_signs(world: World) -> None:
    old = world.service.sign_in("ada", PASSWORD)
    signing = published(world)[0]
    waiting = world.service.keys.rotate().key.id
    rotation = world.service.keys.rotate_at_once()
    assert [(each.id, each.retired_at) for each in rotation.retired] == [(signing, LATER), (waiting, LATER)]
    assert published(world) == [rotation.key.id] == [signer(world)]
    assert sorted(world.service.keys.retired()) == sorted([signing, waiting])
    with pytest.raises(Unauthorized):
        world.verified(old, "quiz")
    # A refresh token is no token of that key.
    assert world.verified(world.service.sessions.refresh(old.refresh_token), "quiz").id == "admin-1"


def test_what_was_done_to_keys_is_in_the_audit_log(world: World) -> None:
    first = world.service.keys.rotate().key.id
    second = world.service.keys.rotate().key.id
    third = world.service.keys.rotate_at_once().key.id
    assert world.entries()[1:] == [
        ("signing_key.created", first),
        ("signing_key.created", second),
        ("signing_key.retired", first),
        ("signing_key.created", third),
        ("signing_key.retired", first),
        ("signing_key.retired", second),
    ]


# Another secret


@pytest.fixture
def moved(store: AuthStore) -> World:
    """Auth with a key, started again under another secret."""
    world = World(store)
    world.service.sign_in("ada", PASSWORD)
    world.service = a_service(store, world.clock, signing_key_secret="another secret, of another installation")
    return world


def test_under_another_secret_it_is_said_at_readiness_and_by_a_rotation(moved: World) -> None:
    [key] = moved.service.keys.list()
    for attempt in (moved.service.keys.require_readable, moved.service.keys.rotate):
        with pytest.raises(KeyUnreadable) as refusal:
            attempt()
        assert str(refusal.value).startswith(f"SIGNING_KEY_SECRET does not open the signing key {key.id}: ")
    assert moved.service.keys.list() == [key]


def test_under_another_secret_nobody_signs_in_and_the_log_says_why(moved: World) -> None:
    [key] = moved.service.keys.list()
    with capture_logs() as lines, pytest.raises(SigningUnavailable) as refusal:
        moved.service.sign_in("ada", PASSWORD)
    assert (refusal.value.status, "SECRET" in str(refusal.value)) == (503, False)
    assert lines == [
        {"event": "signing_key_unreadable", "log_level": "error", "reason": Matching(f"SIGNING_KEY_SECRET.*{key.id}.*")}
    ]


def test_under_another_secret_tokens_that_were_signed_go_on_and_a_new_key_helps(moved: World) -> None:
    assert len(published(moved)) == 1
    rotation = moved.service.keys.rotate_at_once()
    moved.service.keys.require_readable()
    assert signer(moved) == rotation.key.id
