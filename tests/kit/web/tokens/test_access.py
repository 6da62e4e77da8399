"""services.kit.web.tokens.access: who gets in, who does not, and how often auth is asked for its keys."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.errors import Forbidden, Unauthorized, Unavailable
from services.kit.web.tokens.access import AccessTokenVerifier, Admin, bearer_token
from services.kit.web.tokens.revocation import Revoked
from services.kit.web.tokens.service import issue_service_token
from tests.clock import HOUR, NOON, StoppedClock
from tests.kit.forging import BAD_ACCESS_TOKENS, SECRET, Forge, nothing_revoked, segment

ADA = Admin("admin-1", "ada", "owner", "session-1")
SECOND = timedelta(seconds=1)


class Auth:
    """An auth that publishes some keys, or is down, and counts how often it is asked."""

    def __init__(self, *forges: Forge):
        self.answer: Any = {"keys": [forge.public_key for forge in forges]}
        self.revoked = Revoked()
        self.failure: Exception | None = None
        self.asked = self.asked_what_is_revoked = 0

    async def keys(self) -> Any:
        """A FetchKeys."""
        self.asked += 1
        # Where others may come in between.
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return self.answer

    async def revocations(self) -> Revoked:
        """Revocations."""
        self.asked_what_is_revoked += 1
        return self.revoked


class Door:
    """A verifier with a clock that moves when it is told to."""

    def __init__(self, auth: Auth, audience: str = "quiz"):
        self.at = NOON
        self._verifier = AccessTokenVerifier(auth.keys, audience, auth.revocations, lambda: self.at)

    def prepare(self) -> None:
        """As at the start of a process."""
        asyncio.run(self._verifier.prepare())

    def verify(self, *tokens: str) -> list[Admin]:
        """The admins of the tokens, all of them shown at once."""

        async def show() -> list[Admin]:
            shown: list[Awaitable[Admin]] = [self._verifier.verify(token) for token in tokens]
            return list(await asyncio.gather(*shown))

        return asyncio.run(show())


# Access tokens


def test_a_good_token_names_its_admin() -> None:
    forge = Forge()
    assert Door(Auth(forge)).verify(forge.token()) == [ADA]


def test_the_audience_may_be_one_name_or_several() -> None:
    forge = Forge()
    assert Door(Auth(forge)).verify(forge.token(aud="quiz"), forge.token(aud=["x", "quiz"])) == [ADA, ADA]


def test_an_expiry_of_whatever_size_is_compared() -> None:
    forge = Forge()
    assert Door(Auth(forge)).verify(forge.token(exp=10**400, iat=-(10**400))) == [ADA]


@pytest.mark.parametrize("role", ["viewer", "editor", "owner"])
def test_each_role_is_told_as_it_is(role: str) -> None:
    forge = Forge()
    assert Door(Auth(forge)).verify(forge.token(roles=[role])) == [Admin("admin-1", "ada", role, "session-1")]


@pytest.mark.parametrize("claims", [{"role": "learner"}, {"roles": ["admin"]}, {"roles": ["Owner"]}, {"roles": [""]}])
def test_a_role_that_opens_nothing_here_is_forbidden(claims: dict[str, Any]) -> None:
    forge = Forge()
    with pytest.raises(Forbidden):
        Door(Auth(forge)).verify(forge.token(**claims))


@pytest.mark.parametrize("roles", [None, "owner", [], ["viewer", "owner"], [7], {"owner": True}])
def test_a_token_without_one_role_is_no_token(roles: Any) -> None:
    forge = Forge()
    with pytest.raises(Unauthorized):
        Door(Auth(forge)).verify(forge.token(roles=roles))


@pytest.mark.parametrize("bad", BAD_ACCESS_TOKENS.values(), ids=BAD_ACCESS_TOKENS.keys())
def test_every_other_token_is_unauthorized(bad: Callable[[Forge], str]) -> None:
    forge = Forge()
    with pytest.raises(Unauthorized) as refusal:
        Door(Auth(forge)).verify(bad(forge))
    # Not a word about what was wrong with it.
    assert refusal.value.envelope("r") == {
        "error": "UNAUTHORIZED",
        "message": "A valid bearer token is required",
        "requestId": "r",
    }


def test_a_service_token_is_no_access_token() -> None:
    with pytest.raises(Unauthorized):
        Door(Auth(Forge())).verify(issue_service_token(SECRET, "gateway", "quiz", NOON))


@given(
    token=st.text(max_size=80)
    | st.lists(st.binary(max_size=40), max_size=4).map(lambda parts: ".".join(map(segment, parts)))
)
def test_no_text_makes_the_verifier_crash(token: str) -> None:
    with pytest.raises(Unauthorized):
        Door(Auth(Forge())).verify(token)


@given(place=st.integers(0, 10_000), bit=st.integers(0, 5))
def test_a_token_with_one_bit_changed_is_unauthorized_or_says_the_same(place: int, bit: int) -> None:
    forge = Forge()
    token = forge.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place %= len(token)
    if token[place] == ".":
        return
    changed = alphabet[alphabet.index(token[place]) ^ (1 << bit)]
    try:
        # The last letter of a part has bits that no byte uses.
        assert Door(Auth(forge)).verify(token[:place] + changed + token[place + 1 :]) == [ADA]
        assert place + 1 == len(token) or token[place + 1] == "."
    except Unauthorized:
        pass


@pytest.mark.parametrize(
    ("late", "accepted"), [(-SECOND, True), (0 * SECOND, True), (4 * SECOND, True), (5 * SECOND, False), (HOUR, False)]
)
def test_a_token_lives_until_it_expires_and_five_seconds_for_clocks_that_differ(
    late: timedelta, accepted: bool
) -> None:
    forge = Forge()
    door = Door(Auth(forge))
    door.at = NOON + HOUR + late
    if accepted:
        assert door.verify(forge.token()) == [ADA]
    else:
        with pytest.raises(Unauthorized):
            door.verify(forge.token())


# What is revoked


def test_a_token_of_a_session_that_has_ended_is_unauthorized_and_others_are_not() -> None:
    forge = Forge()
    auth = Auth(forge)
    door = Door(auth)
    token, other = forge.token(), forge.token(sid="session-2")
    assert door.verify(token, other) == [ADA, replace(ADA, session_id="session-2")]
    auth.revoked = Revoked(sessions=frozenset({"session-1", "session-3"}))
    with pytest.raises(Unauthorized):
        door.verify(token)
    assert door.verify(other) == [replace(ADA, session_id="session-2")]


def test_a_token_of_a_retired_key_is_unauthorized_although_the_key_is_known() -> None:
    old, new = Forge("old"), Forge("new")
    auth = Auth(old, new)
    door = Door(auth)
    assert door.verify(old.token(), new.token()) == [ADA, ADA]
    auth.revoked = Revoked(keys=frozenset({"old"}))
    with pytest.raises(Unauthorized):
        door.verify(old.token())
    assert (door.verify(new.token()), auth.asked) == ([ADA], 1)


@pytest.mark.parametrize("bad", BAD_ACCESS_TOKENS.values(), ids=BAD_ACCESS_TOKENS.keys())
def test_whoever_has_no_token_of_auth_s_makes_nobody_ask_what_is_revoked(bad: Callable[[Forge], str]) -> None:
    forge = Forge()
    auth = Auth(forge)
    with pytest.raises(Unauthorized):
        Door(auth).verify(bad(forge))
    assert auth.asked_what_is_revoked == 0


# Keys


def test_keys_are_fetched_once_for_many_tokens_even_when_all_come_at_once() -> None:
    forge = Forge()
    auth = Auth(forge)
    door = Door(auth)
    assert door.verify(*[forge.token()] * 10) == [ADA] * 10
    door.at += timedelta(minutes=5)
    assert door.verify(forge.token()) == [ADA]
    assert auth.asked == 1


def test_keys_are_fetched_again_after_five_minutes_so_that_a_withdrawn_one_ends() -> None:
    old, new = Forge("old"), Forge("new")
    auth = Auth(old)
    door = Door(auth)
    assert door.verify(old.token()) == [ADA]
    auth.answer = new.key_set()
    door.at += timedelta(minutes=5, milliseconds=1)
    with pytest.raises(Unauthorized):
        door.verify(old.token())
    assert (door.verify(new.token()), auth.asked) == ([ADA], 2)


def test_an_unknown_key_id_asks_auth_again_so_that_a_new_key_works_at_once() -> None:
    old, new = Forge("old"), Forge("new")
    auth = Auth(old)
    door = Door(auth)
    assert door.verify(old.token()) == [ADA]
    auth.answer = {"keys": [old.public_key, new.public_key]}
    door.at += 6 * SECOND
    assert door.verify(new.token(), old.token()) == [ADA, ADA]
    assert auth.asked == 2


class HangingAuth(Auth):
    """An auth that answers once, and from then on when it is released."""

    def __init__(self, *forges: Forge):
        super().__init__(*forges)
        self.hangs, self.is_released = asyncio.Event(), asyncio.Event()

    async def keys(self) -> Any:
        """A FetchKeys."""
        self.asked += 1
        if self.asked > 1:
            self.hangs.set()
            await self.is_released.wait()
        return self.answer


def test_a_token_of_a_known_key_does_not_wait_for_an_auth_that_hangs_over_an_unknown_one() -> None:
    async def scenario() -> tuple[list[Admin], Admin, int]:
        old, new = Forge("old"), Forge("new")
        auth, clock = HangingAuth(old), StoppedClock()
        verifier = AccessTokenVerifier(auth.keys, "quiz", nothing_revoked, clock)
        known = [await verifier.verify(old.token())]
        clock.at += 6 * SECOND
        async with asyncio.timeout(30):
            unknown = asyncio.create_task(verifier.verify(new.token()))
            await auth.hangs.wait()
            known += [await verifier.verify(old.token()) for _ in range(3)]
            assert not unknown.done()
            auth.answer = {"keys": [old.public_key, new.public_key]}
            auth.is_released.set()
            return known, await unknown, auth.asked

    assert asyncio.run(scenario()) == ([ADA] * 4, ADA, 2)


def test_when_the_keys_are_old_and_auth_hangs_one_request_waits_and_the_others_do_not() -> None:
    async def scenario() -> tuple[list[Admin], int]:
        forge = Forge()
        auth, clock = HangingAuth(forge), StoppedClock()
        verifier = AccessTokenVerifier(auth.keys, "quiz", nothing_revoked, clock)
        admins = [await verifier.verify(forge.token())]
        clock.at += timedelta(minutes=6)
        async with asyncio.timeout(30):
            waiting = asyncio.create_task(verifier.verify(forge.token()))
            await auth.hangs.wait()
            admins += [await verifier.verify(forge.token()) for _ in range(3)]
            assert not waiting.done()
            auth.is_released.set()
            return [*admins, await waiting], auth.asked

    assert asyncio.run(scenario()) == ([ADA] * 5, 2)


def test_a_process_that_has_begun_knows_the_keys_before_the_first_token() -> None:
    forge = Forge()
    auth = Auth(forge)
    door = Door(auth)
    door.prepare()
    auth.failure = httpx.ReadTimeout("busy")
    door.at += timedelta(minutes=4)
    assert (door.verify(forge.token()), auth.asked) == ([ADA], 1)


@pytest.mark.parametrize("failure", [httpx.ConnectError("away"), TimeoutError(), Unavailable("no database")], ids=repr)
def test_a_process_begins_without_auth_and_asks_when_the_first_token_is_shown(failure: Exception) -> None:
    forge = Forge()
    auth = Auth(forge)
    door = Door(auth)
    auth.failure = failure
    door.prepare()
    auth.failure = None
    assert (door.verify(forge.token()), auth.asked) == ([ADA], 2)


def test_forged_key_ids_ask_auth_at_most_every_five_seconds() -> None:
    forge, stranger = Forge(), Forge("stranger")
    auth = Auth(forge)
    door = Door(auth)
    asked = []
    for seconds in (0, 1, 4, 1, 1, 5, 1):
        door.at += seconds * SECOND
        for _ in range(3):
            with pytest.raises(Unauthorized):
                door.verify(stranger.token())
        asked.append(auth.asked)
    assert asked == [1, 1, 1, 2, 2, 3, 3]
    assert door.verify(forge.token()) == [ADA]


FAILURES = [
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("slow"),
    TimeoutError(),
    httpx.HTTPStatusError("503", request=httpx.Request("GET", "http://auth"), response=httpx.Response(503)),
    ValueError("no JSON"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_keys_outlive_an_auth_that_is_down(failure: Exception) -> None:
    forge = Forge()
    auth = Auth(forge)
    door = Door(auth)
    assert door.verify(forge.token()) == [ADA]
    auth.failure = failure
    door.at += timedelta(minutes=30)
    assert door.verify(forge.token()) == [ADA]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_without_keys_and_without_auth_nobody_can_say_who_it_is(failure: Exception) -> None:
    forge = Forge()
    auth = Auth(forge)
    auth.failure = failure
    door = Door(auth)
    with pytest.raises(Unavailable) as refusal:
        door.verify(forge.token())
    assert (str(refusal.value), refusal.value.retry_after) == (
        "Sign-in keys are not available; try again shortly",
        1,
    )
    auth.failure = None
    assert door.verify(forge.token()) == [ADA]


@pytest.mark.parametrize("answer", [{}, {"keys": [{"kty": "OKP"}]}, {"keys": [{"kty": "unheard-of", "kid": "key-1"}]}])
def test_an_answer_that_is_no_key_set_is_an_auth_that_is_down(answer: Any) -> None:
    forge = Forge()
    auth = Auth(forge)
    auth.answer = answer
    with pytest.raises(Unavailable):
        Door(auth).verify(forge.token())


def test_an_auth_that_is_down_is_asked_no_more_often_than_one_that_is_up() -> None:
    forge, stranger = Forge(), Forge("stranger")
    auth = Auth(forge)
    door = Door(auth)
    assert door.verify(forge.token()) == [ADA]
    auth.failure = httpx.ConnectTimeout("down")
    door.at += timedelta(minutes=30)
    assert door.verify(*[forge.token()] * 10) == [ADA] * 10
    for _ in range(10):
        with pytest.raises(Unavailable):
            door.verify(stranger.token())
    assert auth.asked == 2


@pytest.mark.parametrize("answer", [[], None, {"keys": None}])
def test_an_answer_that_is_no_object_is_an_auth_that_is_down(answer: Any) -> None:
    forge = Forge()
    auth = Auth(forge)
    auth.answer = answer
    with pytest.raises(Unavailable):
        Door(auth).verify(forge.token())


def test_what_is_no_token_at_all_does_not_even_ask_auth() -> None:
    auth = Auth(Forge())
    with pytest.raises(Unauthorized):
        Door(auth).verify("no-token")
    assert auth.asked == 0


# The header


@pytest.mark.parametrize(("header", "token"), [("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER  abc ", "abc")])
def test_the_scheme_of_the_header_is_read_in_any_case(header: str, token: str) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc"])
def test_a_header_without_a_bearer_token_is_unauthorized(header: str | None) -> None:
    with pytest.raises(Unauthorized):
        bearer_token(header)
