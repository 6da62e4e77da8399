"""Rotation without a wrong 401: verifiers that cache keys check every token that has not expired."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.auth.rules.keys import is_published, waiting_key
from services.kit.core.errors import Unauthorized
from services.kit.web.tokens.access import KEYS_LIFETIME, AccessTokenVerifier
from services.kit.web.tokens.revocation import RevocationList
from tests.auth.examples import LIFETIME
from tests.auth.harness import Harness
from tests.clock import SECOND
from tests.kit.forging import Forge

MINUTE = timedelta(minutes=1)
ALL = range(4)


class Verifiers:
    """Auth and four verifiers as in other processes, each with a cache of its own."""

    def __init__(self) -> None:
        self.auth = Harness()
        self.fetched: list[datetime] = []
        self.key_ids: list[str] = []
        self._tokens: list[tuple[datetime, str]] = []
        self._runner = asyncio.Runner()
        self._verifiers = [self._verifier(each) for each in ("gateway", "content", "quiz", "auth")]

    def __enter__(self) -> "Verifiers":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def issue(self) -> None:
        """Sign in and remember the token and its key."""
        sign_in = self.auth.sign_in()
        self._tokens.append((self.auth.clock.at + LIFETIME, sign_in.access_token))
        key_id = self.auth.decoded(sign_in).header["kid"]
        if key_id not in self.key_ids:
            self.key_ids.append(key_id)

    def verify(self, places: Iterable[int] = ALL) -> None:
        """Verify every token that has not expired. Raise Unauthorized."""
        self._tokens = [each for each in self._tokens if each[0] > self.auth.clock.at]
        for place in places:
            for _, token in self._tokens:
                assert self._runner.run(self._verifiers[place].verify(token)).username == "ada"

    def refuses(self, token: str, place: int) -> bool:
        try:
            self._runner.run(self._verifiers[place].verify(token))
        except Unauthorized:
            return True
        return False

    def _verifier(self, audience: str) -> AccessTokenVerifier:
        service, clock = self.auth.service, self.auth.clock

        async def fetch_keys() -> Any:
            self.fetched.append(clock.at)
            return service.keys.published()

        async def fetch_revoked() -> Any:
            revoked = service.revoked()
            return {"items": sorted(revoked.sessions), "keys": sorted(revoked.keys)}

        return AccessTokenVerifier(
            fetch_keys, audience, RevocationList(fetch_revoked, clock.elapsed), clock, clock.elapsed
        )


def test_two_rotations_refuse_no_valid_token() -> None:
    with Verifiers() as verifiers:
        auth = verifiers.auth
        for minute in range(60):
            if minute in (5, 35):
                auth.service.keys.rotate()
            verifiers.issue()
            verifiers.verify()
            auth.clock.at += MINUTE
        assert len(verifiers.key_ids) == 3
        # Each of the four fetches when its cache expires, and never for an unknown key.
        assert len(verifiers.fetched) == 4 * (60 // (KEYS_LIFETIME // MINUTE + 1))
        kept = [key.id for key in auth.service.keys.list() if is_published(key, auth.clock.at)]
        assert kept == verifiers.key_ids[2:]


@settings(max_examples=30)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(1, 600), st.booleans(), st.sets(st.integers(0, 3)), st.sampled_from([False] * 3 + [True])
        ),
        min_size=5,
        max_size=40,
    )
)
def test_no_order_of_rotations_and_forged_tokens_refuses_a_valid_token(
    steps: list[tuple[int, bool, set[int], bool]],
) -> None:
    with Verifiers() as verifiers:
        keys, clock = verifiers.auth.service.keys, verifiers.auth.clock
        for seconds, is_forged, places, rotates in steps:
            if rotates and waiting_key(keys.list(), clock.at) is None:
                keys.rotate()
            verifiers.issue()
            for place in places:
                # A forged key id makes the verifier fetch, so that it may not fetch again for a new key.
                assert not is_forged or verifiers.refuses(Forge("an-unknown-key").token(), place)
                verifiers.verify([place])
            clock.at += seconds * SECOND
        verifiers.verify()
