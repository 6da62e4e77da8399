"""services.auth.service.sessions on three stores: how a session goes on, and how it ends everywhere."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.auth import rules
from services.auth.entities import SignIn
from services.auth.errors import InvalidRefreshToken
from services.kit.core.errors import Unauthorized
from tests.auth.examples import LIFETIME, PASSWORD, SUCCESSION, a_refresh_token, a_service, a_session, an_admin
from tests.auth.memory import InMemoryAuthStore
from tests.auth.world import A_TOKEN, World
from tests.clock import HOUR, LATER, MILLISECOND, SECOND

GRACE = rules.REFRESH_GRACE
IDLE = rules.REFRESH_IDLE_LIMIT
REFUSED = {
    "error": "INVALID_REFRESH_TOKEN",
    "message": "The refresh token is not valid: sign in again",
    "requestId": "r",
}


def signed_in(world: World) -> SignIn:
    """Ada's sign-in."""
    return world.service.sign_in("ada", PASSWORD)


def refreshed(world: World, sign_in: SignIn) -> SignIn:
    """How the session goes on."""
    return world.service.sessions.refresh(sign_in.refresh_token)


def refused(world: World, token: str) -> None:
    """Nothing comes of the token, and the refusal does not say why."""
    with pytest.raises(InvalidRefreshToken) as refusal:
        world.service.sessions.refresh(token)
    assert (refusal.value.status, refusal.value.envelope("r")) == (401, REFUSED)


def session_of(world: World, sign_in: SignIn) -> str:
    """The id of the session that the access token is of."""
    session_id: str = world.token_of(sign_in).claims["sid"]
    return session_id


def is_good(world: World, sign_in: SignIn) -> bool:
    """Whether the access token opens anything."""
    try:
        return world.verified(sign_in, "quiz").id == "admin-1"
    except Unauthorized:
        return False


# Going on


def test_a_refresh_gives_another_access_token_and_another_refresh_token_of_the_same_session(world: World) -> None:
    first = signed_in(world)
    world.clock.at += HOUR
    second = refreshed(world, first)
    assert second == SignIn(world.ada, A_TOKEN, 900, second.refresh_token, 86_400)
    assert second.refresh_token != first.refresh_token
    before, after = world.token_of(first).claims, world.token_of(second).claims
    at = int(world.clock.at.timestamp())
    assert after == {**before, "jti": after["jti"], "iat": at, "exp": at + 900}
    assert after["jti"] != before["jti"]


def test_a_session_can_go_on_for_seven_days_and_not_a_moment_longer(world: World) -> None:
    sign_in = signed_in(world)
    ends_at = LATER + rules.SESSION_LIFETIME
    while world.clock.at + 23 * HOUR < ends_at:
        world.clock.at += 23 * HOUR
        sign_in = refreshed(world, sign_in)
    world.clock.at = ends_at - SECOND
    last = refreshed(world, sign_in)
    assert (last.expires_in, last.refresh_expires_in) == (1, 1)
    assert world.token_of(last).claims["exp"] == int(ends_at.timestamp())
    world.clock.at = ends_at
    refused(world, last.refresh_token)


def test_a_session_that_nobody_goes_on_with_for_a_day_is_over(world: World) -> None:
    first, second = signed_in(world), signed_in(world)
    world.clock.at = LATER + IDLE - MILLISECOND
    refreshed(world, first)
    world.clock.at = LATER + IDLE
    refused(world, second.refresh_token)


def test_a_refresh_tells_what_has_become_of_the_person(world: World) -> None:
    sign_in = signed_in(world)
    changed = replace(world.ada, password_hash="another hash", updated_at=LATER + SECOND)
    world.store.admins.save(changed)
    assert refreshed(world, sign_in).admin == changed


def test_only_a_hash_of_a_refresh_token_is_kept(world: World) -> None:
    first = signed_in(world)
    second = refreshed(world, first)
    for sign_in in (first, second):
        assert world.store.refresh_tokens.find(sign_in.refresh_token) is None
        kept = world.store.refresh_tokens.find(rules.refresh_token_id(sign_in.refresh_token))
        assert kept is not None
        assert sign_in.refresh_token not in repr(kept) + repr(sign_in)


@pytest.mark.parametrize("token", ["", "unknown", "a" * 43, "a" * 200, "\0", "é"])
def test_a_token_that_was_never_given_is_refused(world: World, token: str) -> None:
    session = signed_in(world)
    refused(world, token)
    assert is_good(world, session)


def test_an_access_token_is_no_refresh_token_and_neither_is_what_is_kept_of_one(world: World) -> None:
    sign_in = signed_in(world)
    refused(world, sign_in.access_token)
    refused(world, rules.refresh_token_id(sign_in.refresh_token))
    assert is_good(world, refreshed(world, sign_in))


def test_a_disabled_person_does_not_go_on(world: World) -> None:
    world.store.admins.add(an_admin(id="admin-2", username="grace", disabled_at=LATER))
    world.store.sessions.add(a_session(admin_id="admin-2"))
    world.store.refresh_tokens.add(a_refresh_token(id=rules.refresh_token_id("a token of hers")))
    refused(world, "a token of hers")


# Shown twice


def test_shown_again_within_ten_seconds_a_token_gives_the_same_successor_and_an_access_token_more(
    world: World,
) -> None:
    first = signed_in(world)
    second = refreshed(world, first)
    answers = []
    for passed in (0 * SECOND, GRACE / 2, GRACE):
        world.clock.at = LATER + passed
        answers.append(refreshed(world, first))
    assert {each.refresh_token for each in answers} == {second.refresh_token}
    assert [each.refresh_expires_in for each in answers] == [86_400, 86_395, 86_390]
    assert len({world.token_of(each).claims["jti"] for each in (*answers, second)}) == 4
    assert all(is_good(world, each) for each in (*answers, second))
    refreshed(world, second)


def test_shown_again_later_a_token_ends_its_session_and_no_other(world: World) -> None:
    first, other = signed_in(world), signed_in(world)
    second = refreshed(world, first)
    world.clock.at += GRACE + MILLISECOND
    refused(world, first.refresh_token)
    # Whoever was first, the owner or the thief, goes on with nothing.
    refused(world, second.refresh_token)
    refused(world, first.refresh_token)
    assert [is_good(world, each) for each in (first, second, other)] == [False, False, True]
    assert is_good(world, refreshed(world, other))


def test_shown_again_after_its_successor_was_used_a_token_ends_its_session_even_at_once(world: World) -> None:
    first = signed_in(world)
    second = refreshed(world, first)
    third = refreshed(world, second)
    refused(world, first.refresh_token)
    refused(world, third.refresh_token)
    assert [is_good(world, each) for each in (first, second, third)] == [False] * 3


def test_a_session_ends_also_when_the_token_that_is_shown_again_would_be_over(world: World) -> None:
    first = signed_in(world)
    world.clock.at += 20 * HOUR
    second = refreshed(world, first)
    world.clock.at += 10 * HOUR
    refused(world, first.refresh_token)
    refused(world, second.refresh_token)


def test_reuse_is_a_warning_and_an_entry_and_neither_shows_a_token(world: World) -> None:
    first = signed_in(world)
    session_id = session_of(world, first)
    second = refreshed(world, first)
    world.clock.at += HOUR
    with capture_logs() as lines:
        for _ in range(3):
            refused(world, first.refresh_token)
    # Only the first of them ends anything.
    assert lines == [
        {
            "event": "refresh_token_reused",
            "log_level": "warning",
            "sessionId": session_id,
            "adminId": "admin-1",
        }
    ]
    assert world.entries()[-1] == ("session.refresh_token_reused", session_id)
    assert [each for each, _ in world.entries()].count("session.refresh_token_reused") == 1
    assert not {first.refresh_token, second.refresh_token} & {text for entry in world.entries() for text in entry}


def test_under_another_secret_a_token_that_was_not_used_goes_on(world: World) -> None:
    first = signed_in(world)
    second = refreshed(world, first)
    world.service = a_service(world.store, world.clock, signing_key_secret="another secret, of another installation")
    world.service.keys.rotate_at_once()
    assert is_good(world, refreshed(world, second))


def test_whatever_is_shown_in_whatever_order_one_session_has_one_live_token_at_most() -> None:
    @settings(deadline=None)
    @given(steps=st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 11, 3600])), max_size=12))
    def show(steps: list[tuple[int, int]]) -> None:
        world = World(InMemoryAuthStore())
        tokens = [signed_in(world).refresh_token]
        for place, seconds in steps:
            world.clock.at += timedelta(seconds=seconds)
            try:
                given = world.service.sessions.refresh(tokens[place % len(tokens)]).refresh_token
            except InvalidRefreshToken:
                continue
            # What a token gives is its successor, whoever asks and whenever.
            assert given == rules.refresh_token_after(tokens[place % len(tokens)], SUCCESSION)
            if given not in tokens:
                assert place % len(tokens) == len(tokens) - 1
                tokens.append(given)
        kept: list[Any] = [world.store.refresh_tokens.find(rules.refresh_token_id(each)) for each in tokens]
        assert [each.used_at is None for each in kept] == [False] * (len(kept) - 1) + [True]

    show()


# Ending


def test_an_ended_session_goes_on_by_no_token(world: World) -> None:
    ended, other = signed_in(world), signed_in(world)
    world.service.sessions.end(session_of(world, ended))
    refused(world, ended.refresh_token)
    assert [is_good(world, each) for each in (ended, other)] == [False, True]


def test_to_end_what_is_over_or_unknown_is_no_error_and_no_entry(world: World) -> None:
    session_id = session_of(world, signed_in(world))
    for each in (session_id, session_id, "session-9"):
        world.service.sessions.end(each)
    kept = world.store.sessions.get(session_id)
    assert kept.ended_at == LATER
    assert [each for each in world.entries() if each[0] == "session.ended"] == [("session.ended", session_id)]


def test_all_sessions_of_a_person_end_at_once_and_nobody_else_s(world: World) -> None:
    world.service.create_admin("grace", "another password", "admin-2")
    grace = world.service.sign_in("grace", "another password")
    ada = [signed_in(world), signed_in(world)]
    with world.store.transaction():
        world.service.sessions.end_all_of("admin-1")
    for each in ada:
        refused(world, each.refresh_token)
    assert [is_good(world, each) for each in ada] == [False, False]
    assert world.verified(grace, "quiz").id == "admin-2"
    ended = sorted(session_of(world, each) for each in ada)
    assert world.entries()[-2:] == [("session.ended", each) for each in ended]


def test_a_session_that_has_ended_is_told_until_the_last_access_token_of_it_is_over(world: World) -> None:
    sign_in = signed_in(world)
    session_id = session_of(world, sign_in)
    world.service.sessions.end(session_id)
    told = []
    for passed in (0 * SECOND, LIFETIME, LIFETIME + 10 * SECOND - MILLISECOND, LIFETIME + 10 * SECOND):
        world.clock.at = LATER + passed
        told.append(list(world.service.sessions.ended()))
        # However late somebody signs in, the session that has ended is not forgotten before.
        signed_in(world)
    assert told == [[session_id]] * 3 + [[]]


def test_what_is_revoked_are_ended_sessions_and_retired_keys(world: World) -> None:
    sign_in = signed_in(world)
    key_id = world.token_of(sign_in).header["kid"]
    assert (world.service.revoked().sessions, world.service.revoked().keys) == (frozenset(), frozenset())
    session_id = session_of(world, sign_in)
    world.service.sessions.end(session_id)
    world.service.keys.rotate_at_once()
    revoked = world.service.revoked()
    assert (revoked.sessions, revoked.keys) == (frozenset({session_id}), frozenset({key_id}))
