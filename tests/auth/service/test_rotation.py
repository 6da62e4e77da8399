"""Rotation without a false 401: tokens are issued and verified all the while by verifiers that keep keys."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.auth import rules
from services.auth.repository.contracts import AuthStore
from services.kit.core.errors import Unauthorized
from services.kit.web.tokens.access import KEYS_LIFETIME, AccessTokenVerifier
from services.kit.web.tokens.revocation import RevocationList
from tests.auth.examples import LIFETIME, PASSWORD
from tests.auth.memory import InMemoryAuthStore
from tests.auth.world import World
from tests.clock import MILLISECOND, SECOND
from tests.kit.forging import Forge

MINUTE = timedelta(minutes=1)


class Stack:
    """Auth, and verifiers as there are in every process, each with what it has kept."""

    def __init__(self, store: AuthStore, audiences: tuple[str, ...] = ("gateway", "content", "quiz", "auth")):
        self.world = World(store)
        self.fetched: list[datetime] = []
        self._runner = asyncio.Runner()
        self._verifiers = [self._verifier(each) for each in audiences]
        # The tokens that were given, until they are over.
        self.tokens: list[tuple[datetime, str]] = []
        self.key_ids: list[str] = []

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def issue(self) -> None:
        """Somebody signs in."""
        sign_in = self.world.service.sign_in("ada", PASSWORD)
        self.tokens.append((self.world.clock.at + LIFETIME, sign_in.access_token))
        key_id = self.world.token_of(sign_in).header["kid"]
        if key_id not in self.key_ids:
            self.key_ids.append(key_id)

    def verify(self, places: range | None = None, forged: bool = False) -> None:
        """Every token that is not over is shown to those verifiers, or to all; raises Unauthorized."""
        self.tokens = [each for each in self.tokens if each[0] > self.world.clock.at]
        for place in places if places is not None else range(len(self._verifiers)):
            if forged:
                self.refuse(Forge("a-stranger-s").token(), place)
            for _, token in self.tokens:
                assert self._runner.run(self._verifiers[place].verify(token)).username == "ada"

    def refuse(self, token: str, place: int) -> None:
        """The token opens nothing there."""
        try:
            self._runner.run(self._verifiers[place].verify(token))
        except Unauthorized:
            return
        raise AssertionError("it opened something")

    def _verifier(self, audience: str) -> AccessTokenVerifier:
        service, clock = self.world.service, self.world.clock

        async def fetch_keys() -> Any:
            self.fetched.append(clock.at)
            return service.keys.published()

        async def fetch_revoked() -> Any:
            revoked = service.revoked()
            return {"items": sorted(revoked.sessions), "keys": sorted(revoked.keys)}

        return AccessTokenVerifier(fetch_keys, audience, RevocationList(fetch_revoked, clock), clock)


def test_through_two_rotations_no_token_is_refused_before_it_is_over(store: AuthStore) -> None:
    with Stack(store) as stack:
        for minute in range(60):
            if minute in (5, 35):
                stack.world.service.keys.rotate()
            stack.issue()
            stack.verify()
            stack.world.clock.at += MINUTE
        assert len(stack.key_ids) == 3
        # Each of the four asks every five minutes and a little, and never for a key that it does not know.
        assert len(stack.fetched) == 4 * (60 // (KEYS_LIFETIME // MINUTE + 1))
        kept = [key.id for key in stack.world.service.keys.list() if rules.is_published(key, stack.world.clock.at)]
        assert kept == stack.key_ids[2:]


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(1, 600),
            st.booleans(),
            st.sets(st.integers(0, 2)),
            st.sampled_from(["nothing", "nothing", "nothing", "rotate"]),
        ),
        min_size=5,
        max_size=40,
    )
)
def test_however_seldom_who_verifies_asks_and_whatever_strangers_show_no_token_is_refused(
    steps: list[tuple[int, bool, set[int], str]],
) -> None:
    with Stack(InMemoryAuthStore(), ("gateway", "content", "quiz")) as stack:
        for seconds, forged, places, what in steps:
            if what == "rotate" and rules.waiting_key(stack.world.service.keys.list(), stack.world.clock.at) is None:
                stack.world.service.keys.rotate()
            stack.issue()
            for place in places:
                # A forged key id makes auth be asked, so that it is not asked again for the new one.
                stack.verify(range(place, place + 1), forged)
            stack.world.clock.at += seconds * SECOND
        stack.verify()


def test_a_leaked_key_opens_nothing_two_seconds_after_it_was_retired_at_once(store: AuthStore) -> None:
    with Stack(store) as stack:
        stack.issue()
        stack.verify()
        [(_, leaked)] = stack.tokens
        stack.world.service.keys.rotate_at_once()
        stack.world.clock.at += 2 * SECOND + MILLISECOND
        for place in range(4):
            stack.refuse(leaked, place)
        # Who keeps older keys asks for the new one when it is shown; forged ones may hold that up for five seconds.
        stack.tokens = []
        stack.world.clock.at += 3 * SECOND
        stack.issue()
        stack.verify()
