"""services.auth.service.keys on three stores: who makes keys, which one signs, and which are published."""

from dataclasses import replace
from datetime import timedelta

from tests.auth.examples import PASSWORD, a_key
from tests.auth.memory import InMemoryAuthStore
from tests.auth.world import World
from tests.clock import LATER, NOON
from tests.matching import NEW_ID, Matching


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


def test_the_newest_key_signs_and_older_ones_still_verify(world: World) -> None:
    old = world.service.sign_in("ada", PASSWORD)
    [first] = world.store.signing_keys.list()
    other = World(InMemoryAuthStore())
    other.service.keys.published()
    [second] = other.store.signing_keys.list()
    world.store.signing_keys.add(replace(second, id="key-2", created_at=LATER + timedelta(seconds=1)))
    new = world.service.sign_in("ada", PASSWORD)
    assert [key["kid"] for key in world.service.keys.published()["keys"]] == [first.id, "key-2"]
    assert world.verified(old, "quiz") == world.verified(new, "quiz")
    assert world.token_of(new).header["kid"] == "key-2"


def test_a_retired_key_is_neither_published_nor_used(world: World) -> None:
    world.store.signing_keys.add(a_key(retired_at=NOON))
    assert world.verified(world.service.sign_in("ada", PASSWORD), "quiz").id == "admin-1"
    assert [key["kid"] for key in world.service.keys.published()["keys"]] == [NEW_ID]
