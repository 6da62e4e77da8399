"""services.auth.service over the in-memory twin, with a stopped clock and a hasher that counts what it does."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from services.auth.entities import Session, SignIn
from services.auth.errors import InvalidCredentials, SessionNotFound, UsernameTaken
from services.auth.passwords import HASHER
from services.auth.repository import AuthStore
from services.auth.service import AuthService
from services.kit.errors import Unauthorized
from services.kit.tokens import AccessTokenVerifier
from services.kit.tokens import Admin as VerifiedAdmin
from tests.auth.examples import PASSWORD, CountingHasher, a_key, a_session, an_admin
from tests.auth.memory import InMemoryAuthStore
from tests.clock import LATER, NOON, StoppedClock
from tests.matching import NEW_ID, Matching

LIFETIME = timedelta(minutes=15)
A_TOKEN: Any = Matching(r"[\w-]+\.[\w-]+\.[\w-]+")


class World:
    """The service and all that it touches; ada is an admin since noon, and a minute has gone by."""

    def __init__(self, store: AuthStore) -> None:
        self.store = store
        self.clock = StoppedClock()
        self.hasher = CountingHasher()
        self.service = self.service_with(self.hasher)
        self.ada = self.service.create_admin("ada", PASSWORD, "admin-1")
        self.clock.at = LATER
        self.hasher.work_of()

    def service_with(self, hasher: CountingHasher) -> AuthService:
        """The service over the same records, as it is after its parameters were changed."""
        return AuthService(self.store, LIFETIME, self.clock, hasher)

    def token_of(self, sign_in: SignIn) -> Any:
        """What the token says, verified with the published keys."""
        published: Any = self.service.published_keys()
        return jwt.decode(sign_in.access_token, KeySet.import_key_set(published), algorithms=["Ed25519"])

    def verified(self, sign_in: SignIn, audience: str) -> VerifiedAdmin:
        """The admin whom another service sees."""

        async def fetch_keys() -> Any:
            return self.service.published_keys()

        return asyncio.run(AccessTokenVerifier(fetch_keys, audience, self.clock).verify(sign_in.access_token))


@pytest.fixture
def world(store: AuthStore) -> World:
    """See World."""
    return World(store)


# Signing in


def test_a_sign_in_tells_the_admin_and_how_long_the_token_lives(world: World) -> None:
    assert world.service.sign_in("ada", PASSWORD) == SignIn(world.ada, A_TOKEN, 900)


def test_a_sign_in_is_a_session_of_seven_days(world: World) -> None:
    claims = world.token_of(world.service.sign_in("ada", PASSWORD)).claims
    session = world.store.sessions.get(claims["sid"])
    assert session == Session(NEW_ID, "admin-1", LATER, LATER + timedelta(days=7), None)


def test_every_sign_in_is_a_session_and_a_token_of_its_own(world: World) -> None:
    claims = [world.token_of(world.service.sign_in("ada", PASSWORD)).claims for _ in range(3)]
    assert [len({each[name] for each in claims}) for name in ("sid", "jti", "sub")] == [3, 3, 1]


@pytest.mark.parametrize("audience", ["gateway", "content", "quiz", "auth"])
def test_everyone_can_verify_the_token_with_the_published_keys(world: World, audience: str) -> None:
    sign_in = world.service.sign_in("ada", PASSWORD)
    assert world.verified(sign_in, audience) == VerifiedAdmin("admin-1", "ada", "owner")


def test_a_token_is_good_for_its_lifetime_and_for_its_audiences_only(world: World) -> None:
    sign_in = world.service.sign_in("ada", PASSWORD)
    with pytest.raises(Unauthorized):
        world.verified(sign_in, "billing")
    world.clock.at = LATER + LIFETIME + timedelta(seconds=5)
    with pytest.raises(Unauthorized):
        world.verified(sign_in, "quiz")


def test_a_sign_in_forgets_sessions_that_are_over(world: World) -> None:
    world.store.sessions.add(a_session(expires_at=LATER))
    world.service.sign_in("ada", PASSWORD)
    with pytest.raises(SessionNotFound):
        world.store.sessions.get("session-1")


WRONG = {
    "a wrong password": ("ada", "wrong password"),
    "an unknown name": ("nobody", PASSWORD),
    "an unknown name with a wrong password": ("nobody", "wrong password"),
    "a name in another case": ("ADA", PASSWORD),
    "a password in another case": ("ada", PASSWORD.upper()),
    "a password with a space behind it": ("ada", PASSWORD + " "),
    "no password": ("ada", ""),
    "the hash for a password": ("ada", "$argon2id$"),
    "a password with a NUL": ("ada", PASSWORD + "\0"),
}


@pytest.mark.parametrize(("username", "password"), WRONG.values(), ids=WRONG.keys())
def test_whatever_is_wrong_the_refusal_and_its_cost_are_the_same(world: World, username: str, password: str) -> None:
    with pytest.raises(InvalidCredentials) as refusal:
        world.service.sign_in(username, password)
    assert refusal.value.envelope("r") == {
        "error": "INVALID_CREDENTIALS",
        "message": "The username or the password is wrong",
        "requestId": "r",
    }
    assert refusal.value.status == 401
    # Whoever measures the time learns nothing: one verification, and no more (TRAPS 13).
    assert world.hasher.work_of() == (0, 1)


def test_a_successful_sign_in_costs_the_same_one_verification(world: World) -> None:
    world.service.sign_in("ada", PASSWORD)
    assert world.hasher.work_of() == (0, 1)


def test_what_an_unknown_name_is_compared_with_costs_what_a_stored_hash_does() -> None:
    costly = CountingHasher(time_cost=3)
    service = AuthService(InMemoryAuthStore(), LIFETIME, StoppedClock(), costly)
    assert costly.work_of() == (1, 0)
    admin = service.create_admin("ada", PASSWORD)
    assert (costly.check_needs_rehash(admin.password_hash), admin.password_hash.split("$")[3]) == (
        False,
        "m=8,t=3,p=1",
    )


def test_nobody_signs_in_with_the_hash_of_nobody(world: World) -> None:
    for guess in ("", "nobody", "None", str(world.ada.password_hash)):
        with pytest.raises(InvalidCredentials):
            world.service.sign_in("nobody", guess)


def test_a_refused_sign_in_leaves_no_trace(world: World) -> None:
    world.store.sessions.add(a_session(expires_at=LATER))
    with pytest.raises(InvalidCredentials):
        world.service.sign_in("ada", "wrong password")
    assert world.store.sessions.get("session-1") == a_session(expires_at=LATER)
    assert world.store.signing_keys.list() == []


def test_a_password_is_hashed_anew_when_the_parameters_have_changed(world: World) -> None:
    stronger = CountingHasher(time_cost=2)
    service = world.service_with(stronger)
    stronger.work_of()
    service.sign_in("ada", PASSWORD)
    assert stronger.work_of() == (1, 1)
    stored = world.store.admins.get_by_username("ada")
    assert stored == replace(world.ada, password_hash=stored.password_hash, updated_at=LATER)
    assert (stronger.check_needs_rehash(stored.password_hash), stored.password_hash != world.ada.password_hash) == (
        False,
        True,
    )
    service.sign_in("ada", PASSWORD)
    assert stronger.work_of() == (0, 1)


def test_a_wrong_password_is_not_hashed_anew(world: World) -> None:
    stronger = CountingHasher(time_cost=2)
    service = world.service_with(stronger)
    stronger.work_of()
    with pytest.raises(InvalidCredentials):
        service.sign_in("ada", "wrong password")
    assert (stronger.work_of(), world.store.admins.get_by_username("ada")) == ((0, 1), world.ada)


def test_passwords_are_kept_at_the_minimum_that_owasp_asks_for() -> None:
    assert (HASHER.type.name, HASHER.memory_cost, HASHER.time_cost) == ("ID", 19456, 2)
    assert HASHER.parallelism == 1


# Keys


def test_the_first_to_ask_makes_the_key_that_later_sign_ins_use(world: World) -> None:
    published = world.service.published_keys()
    [key] = world.store.signing_keys.list()
    assert (key.id, key.created_at) == (NEW_ID, LATER)
    assert published == {
        "keys": [{"kty": "OKP", "crv": "Ed25519", "x": Matching(".+"), "kid": key.id, "use": "sig", "alg": "Ed25519"}]
    }
    world.service.sign_in("ada", PASSWORD)
    assert world.service.published_keys() == published


def test_no_published_key_has_a_private_part(world: World) -> None:
    world.service.sign_in("ada", PASSWORD)
    assert [set(key) for key in world.service.published_keys()["keys"]] == [{"kty", "crv", "x", "kid", "use", "alg"}]


def test_the_newest_key_signs_and_older_ones_still_verify(world: World) -> None:
    old = world.service.sign_in("ada", PASSWORD)
    [first] = world.store.signing_keys.list()
    other = World(InMemoryAuthStore())
    other.service.published_keys()
    [second] = other.store.signing_keys.list()
    world.store.signing_keys.add(replace(second, id="key-2", created_at=LATER + timedelta(seconds=1)))
    new = world.service.sign_in("ada", PASSWORD)
    assert [key["kid"] for key in world.service.published_keys()["keys"]] == [first.id, "key-2"]
    assert world.verified(old, "quiz") == world.verified(new, "quiz")
    assert world.token_of(new).header["kid"] == "key-2"


def test_a_retired_key_is_neither_published_nor_used(world: World) -> None:
    world.store.signing_keys.add(a_key(retired_at=NOON))
    assert world.verified(world.service.sign_in("ada", PASSWORD), "quiz").id == "admin-1"
    assert [key["kid"] for key in world.service.published_keys()["keys"]] == [NEW_ID]


# Admins


def test_a_created_admin_is_stored_with_a_hash_for_a_password(world: World) -> None:
    grace = world.service.create_admin("grace", "another password")
    assert grace == an_admin(
        id=NEW_ID, username="grace", password_hash=grace.password_hash, created_at=LATER, updated_at=LATER
    )
    assert grace.password_hash.startswith("$argon2id$")
    assert world.store.admins.get_by_username("grace") == grace
    assert world.service.sign_in("grace", "another password").admin == grace


def test_a_taken_name_is_refused_and_the_first_keeps_its_password(world: World) -> None:
    with pytest.raises(UsernameTaken):
        world.service.create_admin("ada", "another password")
    assert world.store.admins.get_by_username("ada") == world.ada


def test_no_two_admins_have_one_hash_even_for_one_password(world: World) -> None:
    assert world.service.create_admin("grace", PASSWORD).password_hash != world.ada.password_hash
