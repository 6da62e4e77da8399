"""services.kit.web.tokens.access: which tokens are accepted, and how often auth is asked for its keys.

What is refused is in test_forgeries.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.errors import Unauthorized, Unavailable
from services.kit.web.tokens import access
from services.kit.web.tokens.access import Admin, bearer_token
from services.kit.web.tokens.revocation import Revoked
from tests.clock import HOUR, NOON, SECOND
from tests.kit.forgeries.changes import ALPHABET
from tests.kit.forging import Forge, segment
from tests.kit.web.tokens.fake_auth import ADA, FAILURES, FakeAuth, Verifying

MINUTE = timedelta(minutes=1)


def verifying(*forges: Forge) -> Verifying:
    return Verifying(FakeAuth(*forges))


@pytest.mark.parametrize("role", ["viewer", "editor", "owner"])
def test_a_valid_token_names_its_admin_and_the_role(role: str) -> None:
    forge = Forge()
    expected = Admin("admin-1", "ada", role, "session-1")
    assert verifying(forge).verify(forge.token(roles=[role])) == [expected]


@pytest.mark.parametrize(
    "claims",
    [{"aud": "quiz"}, {"aud": ["x", "quiz"]}, {"exp": 10**400, "iat": -(10**400)}]
    + [{"nbf": int(NOON.timestamp()) + seconds} for seconds in (-3600, 0, 5)],
)
def test_other_forms_of_valid_claims_are_accepted(claims: dict[str, Any]) -> None:
    forge = Forge()
    assert verifying(forge).verify(forge.token(**claims)) == [ADA]


@given(
    token=st.text(max_size=80)
    | st.lists(st.binary(max_size=40), max_size=4).map(lambda parts: ".".join(map(segment, parts)))
)
def test_no_text_crashes_the_verifier(token: str) -> None:
    assert verifying(Forge()).refuses(token)


@given(place=st.integers(0, 10_000), bit=st.integers(0, 5))
def test_a_token_with_one_changed_bit_is_refused_or_means_the_same(place: int, bit: int) -> None:
    forge = Forge()
    token = forge.token()
    place %= len(token)
    if token[place] == ".":
        return
    changed = ALPHABET[ALPHABET.index(token[place]) ^ (1 << bit)]
    try:
        assert verifying(forge).verify(token[:place] + changed + token[place + 1 :]) == [ADA]
        # The last letter of a part has unused bits.
        assert place + 1 == len(token) or token[place + 1] == "."
    except Unauthorized:
        pass


def test_a_token_is_accepted_until_five_seconds_after_its_expiry() -> None:
    forge = Forge()
    verifier = verifying(forge)
    for seconds in (-1, 0, 4):
        verifier.auth.clock.at = NOON + HOUR + seconds * SECOND
        assert verifier.verify(forge.token()) == [ADA]
    for late in (5 * SECOND, HOUR):
        verifier.auth.clock.at = NOON + HOUR + late
        assert verifier.refuses(forge.token())


# Revocations


def test_a_token_of_an_ended_session_is_refused() -> None:
    forge = Forge()
    verifier = verifying(forge)
    token, other = forge.token(), forge.token(sid="session-2")
    assert verifier.verify(token, other) == [ADA, replace(ADA, session_id="session-2")]
    verifier.auth.revoked = Revoked(sessions=frozenset({"session-1", "session-3"}))
    assert verifier.refuses(token)
    assert verifier.verify(other) == [replace(ADA, session_id="session-2")]


def test_a_token_of_a_retired_key_is_refused_although_the_key_is_cached() -> None:
    old, new = Forge("old"), Forge("new")
    verifier = verifying(old, new)
    assert verifier.verify(old.token(), new.token()) == [ADA, ADA]
    verifier.auth.revoked = Revoked(keys=frozenset({"old"}))
    assert verifier.refuses(old.token())
    assert (verifier.verify(new.token()), verifier.auth.requests) == ([ADA], 1)


# Keys


def test_the_keys_are_fetched_every_five_minutes_and_removed_ones_refused() -> None:
    old, new = Forge("old"), Forge("new")
    verifier = verifying(old)
    assert verifier.verify(*[old.token()] * 10) == [ADA] * 10
    verifier.auth.response = new.key_set()
    verifier.wait(5 * MINUTE)
    assert (verifier.verify(old.token()), verifier.auth.requests) == ([ADA], 1)
    verifier.wait(timedelta(milliseconds=1))
    assert verifier.refuses(old.token())
    assert (verifier.verify(new.token()), verifier.auth.requests) == ([ADA], 2)


def test_what_a_key_has_verified_is_not_taken_for_another_key_of_its_id() -> None:
    old, new = Forge("one"), Forge("one")
    verifier = verifying(old)
    assert verifier.verify(old.token(), old.token()) == [ADA, ADA]
    verifier.auth.response = new.key_set()
    verifier.wait(6 * MINUTE)
    assert verifier.refuses(old.token())
    assert verifier.verify(new.token()) == [ADA]


def test_more_tokens_are_verified_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "REMEMBERED_TOKENS", 2)
    forge = Forge()
    sessions = ["a", "b", "c"] * 2
    verified = verifying(forge).verify(*(forge.token(sid=each) for each in sessions))
    assert [admin.session_id for admin in verified] == sessions


def test_an_unknown_key_id_fetches_the_keys_so_that_a_new_key_works_at_once() -> None:
    old, new = Forge("old"), Forge("new")
    verifier = verifying(old)
    assert verifier.verify(old.token()) == [ADA]
    verifier.auth.response = {"keys": [old.public_key, new.public_key]}
    verifier.wait(6 * SECOND)
    assert verifier.verify(new.token(), old.token()) == [ADA, ADA]
    assert verifier.auth.requests == 2


def test_unknown_key_ids_fetch_the_keys_at_most_every_five_seconds() -> None:
    forge, stranger = Forge(), Forge("stranger")
    verifier = verifying(forge)
    bad = ("no-token", forge.token(username="a" * 8192), forge.signed(forge.header(jku="x"), forge.claims()))
    assert ([verifier.refuses(each) for each in bad], verifier.auth.requests) == ([True] * 3, 0)
    requests = []
    for seconds in (0, 1, 4, 1, 1, 5, 1):
        verifier.wait(seconds * SECOND)
        assert [verifier.refuses(stranger.token()) for _ in range(3)] == [True] * 3
        requests.append(verifier.auth.requests)
    assert requests == [1, 1, 1, 2, 2, 3, 3]
    assert verifier.verify(forge.token()) == [ADA]


@pytest.mark.parametrize("waits_for", ["an unknown key", "old keys"])
def test_only_one_request_waits_for_an_auth_that_hangs(waits_for: str) -> None:
    async def scenario() -> tuple[list[Admin], int]:
        old, new = Forge("old"), Forge("new")
        auth = FakeAuth(old)
        verifier = auth.verifier()
        admins = [await verifier.verify(old.token())]
        auth.released.clear()
        auth.clock.at += 6 * SECOND if waits_for == "an unknown key" else 6 * MINUTE
        waiting = asyncio.create_task(verifier.verify((new if waits_for == "an unknown key" else old).token()))
        async with asyncio.timeout(30):
            await auth.hangs.wait()
            admins += [await verifier.verify(old.token()) for _ in range(3)]
            assert not waiting.done()
            auth.response = {"keys": [old.public_key, new.public_key]}
            auth.released.set()
            return [*admins, await waiting], auth.requests

    assert asyncio.run(scenario()) == ([ADA] * 5, 2)


def test_after_a_client_disconnects_the_next_request_fetches_the_keys() -> None:
    async def scenario() -> tuple[Admin, int]:
        forge = Forge()
        auth = FakeAuth(forge)
        verifier = auth.verifier()
        await verifier.verify(forge.token())
        auth.released.clear()
        auth.clock.at += 6 * MINUTE
        async with asyncio.timeout(30):
            first = asyncio.create_task(verifier.verify(forge.token()))
            await auth.hangs.wait()
            first.cancel()
            await asyncio.wait([first])
            auth.released.set()
            return await verifier.verify(forge.token()), auth.requests

    assert asyncio.run(scenario()) == (ADA, 3)


def test_a_started_process_has_the_keys_before_the_first_token() -> None:
    forge = Forge()
    verifier = verifying(forge)
    verifier.prepare()
    verifier.auth.failure = httpx.ReadTimeout("busy")
    verifier.wait(4 * MINUTE)
    assert (verifier.verify(forge.token()), verifier.auth.requests) == ([ADA], 1)


# Auth is unavailable


@pytest.mark.parametrize("failure", [*FAILURES, Unavailable("no database")], ids=repr)
def test_a_process_starts_without_auth_and_fetches_the_keys_later(failure: Exception) -> None:
    forge = Forge()
    verifier = verifying(forge)
    verifier.auth.failure = failure
    verifier.prepare()
    verifier.auth.failure = None
    assert (verifier.verify(forge.token()), verifier.auth.requests) == ([ADA], 2)


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_cached_keys_stay_valid_and_without_keys_tokens_are_unavailable(failure: Exception) -> None:
    forge = Forge()
    with_keys, without_keys = verifying(forge), verifying(forge)
    assert with_keys.verify(forge.token()) == [ADA]
    for verifier in (with_keys, without_keys):
        verifier.auth.failure = failure
        verifier.wait(30 * MINUTE)
    assert with_keys.verify(forge.token()) == [ADA]
    with pytest.raises(Unavailable) as error:
        without_keys.verify(forge.token())
    assert (str(error.value), error.value.retry_after) == ("Sign-in keys are not available; try again shortly", 1)
    without_keys.auth.failure = None
    assert without_keys.verify(forge.token()) == [ADA]


@pytest.mark.parametrize(
    "response",
    [{}, [], None, {"keys": None}, {"keys": [{"kty": "OKP"}]}, {"keys": [{"kty": "unheard-of", "kid": "key-1"}]}],
)
def test_a_response_that_is_no_key_set_means_unavailable(response: Any) -> None:
    forge = Forge()
    verifier = verifying(forge)
    verifier.auth.response = response
    with pytest.raises(Unavailable):
        verifier.verify(forge.token())


def test_an_unavailable_auth_is_asked_no_more_often() -> None:
    forge, stranger = Forge(), Forge("stranger")
    verifier = verifying(forge)
    assert verifier.verify(forge.token()) == [ADA]
    verifier.auth.failure = httpx.ConnectTimeout("down")
    verifier.wait(30 * MINUTE)
    assert verifier.verify(*[forge.token()] * 10) == [ADA] * 10
    for _ in range(10):
        with pytest.raises(Unavailable):
            verifier.verify(stranger.token())
    assert verifier.auth.requests == 2
    # After a failure the keys are fetched again in seconds, not in minutes.
    verifier.wait(6 * SECOND)
    assert (verifier.verify(forge.token()), verifier.auth.requests) == ([ADA], 3)


# The Authorization header


@pytest.mark.parametrize(("header", "token"), [("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER  abc ", "abc")])
def test_the_scheme_may_be_in_any_case(header: str, token: str) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc"])
def test_a_header_without_a_bearer_token_is_refused(header: str | None) -> None:
    with pytest.raises(Unauthorized):
        bearer_token(header)


def test_a_new_key_is_fetched_in_time_after_the_clock_stepped_back() -> None:
    async def scenario() -> tuple[Admin, int]:
        old, new = Forge("old"), Forge("new")
        auth = FakeAuth(old)
        verifier = auth.verifier()
        await verifier.verify(old.token())
        auth.response = {"keys": [old.public_key, new.public_key]}
        auth.clock.at += 6 * SECOND
        auth.clock.step(-6 * SECOND)
        return await verifier.verify(new.token()), auth.requests

    assert asyncio.run(scenario()) == (ADA, 2)
