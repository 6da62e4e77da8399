"""The use cases of sessions: refresh, reuse of a token, and the end everywhere."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.auth.entities import SignIn
from services.auth.errors import InvalidRefreshToken
from services.auth.rules.keys import REFRESH_TOKENS, derive_key
from services.auth.rules.tokens import REFRESH_GRACE, SESSION_LIFETIME, refresh_token_after, refresh_token_id
from tests.auth.examples import KEY_SECRET, LIFETIME, a_service
from tests.auth.harness import A_TOKEN, Harness
from tests.clock import HOUR, LATER, MILLISECOND, SECOND


def refresh(auth: Harness, sign_in: SignIn) -> SignIn:
    return auth.service.sessions.refresh(sign_in.refresh_token)


def refused(auth: Harness, token: str) -> bool:
    """Return whether the refresh token is refused without a reason."""
    try:
        auth.service.sessions.refresh(token)
    except InvalidRefreshToken as error:
        assert (error.status, str(error)) == (401, "The refresh token is not valid: sign in again")
        return True
    return False


# Refresh


def test_a_refresh_returns_other_tokens_of_the_same_session(auth: Harness) -> None:
    first = auth.sign_in()
    auth.clock.at += HOUR
    second = refresh(auth, first)
    assert second == SignIn(auth.ada, A_TOKEN, 900, second.refresh_token, 86_400)
    assert second.refresh_token != first.refresh_token
    before, after = auth.decoded(first).claims, auth.decoded(second).claims
    at = int(auth.clock.at.timestamp())
    assert after == {**before, "jti": after["jti"], "iat": at, "exp": at + 900}
    assert after["jti"] != before["jti"]


def test_a_session_lasts_seven_days_at_most(auth: Harness) -> None:
    sign_in, ends_at = auth.sign_in(), LATER + SESSION_LIFETIME
    while auth.clock.at + 23 * HOUR < ends_at:
        auth.clock.at += 23 * HOUR
        sign_in = refresh(auth, sign_in)
    auth.clock.at = ends_at - SECOND
    last = refresh(auth, sign_in)
    assert (last.expires_in, last.refresh_expires_in) == (1, 1)
    assert auth.decoded(last).claims["exp"] == int(ends_at.timestamp())
    auth.clock.at = ends_at
    assert refused(auth, last.refresh_token)


def test_a_refresh_returns_the_changed_person(auth: Harness) -> None:
    sign_in = auth.sign_in()
    changed = replace(auth.ada, password_hash="another hash", updated_at=LATER + SECOND)
    auth.store.admins.save(changed)
    assert refresh(auth, sign_in).admin == changed


def test_only_the_hash_of_a_refresh_token_is_stored(auth: Harness) -> None:
    first = auth.sign_in()
    for sign_in in (first, refresh(auth, first)):
        assert auth.store.refresh_tokens.find(sign_in.refresh_token) is None
        stored = auth.store.refresh_tokens.find(refresh_token_id(sign_in.refresh_token))
        assert stored is not None
        assert sign_in.refresh_token not in repr(stored) + repr(sign_in)


def test_an_unknown_token_is_refused_and_ends_nothing(auth: Harness) -> None:
    sign_in = auth.sign_in()
    stored_id = refresh_token_id(sign_in.refresh_token)
    for token in ("", "unknown", "a" * 43, "a" * 200, "\0", "é", sign_in.access_token, stored_id):
        assert refused(auth, token)
    assert auth.is_accepted(refresh(auth, sign_in))


# A second use


def test_a_retry_within_ten_seconds_returns_the_same_successor(auth: Harness) -> None:
    first = auth.sign_in()
    second = refresh(auth, first)
    retries = []
    for passed in (0 * SECOND, REFRESH_GRACE / 2, REFRESH_GRACE):
        auth.clock.at = LATER + passed
        retries.append(refresh(auth, first))
    assert {each.refresh_token for each in retries} == {second.refresh_token}
    assert [each.refresh_expires_in for each in retries] == [86_400, 86_395, 86_390]
    assert len({auth.decoded(each).claims["jti"] for each in (*retries, second)}) == 4
    assert all(auth.is_accepted(each) for each in (*retries, second))
    refresh(auth, second)


def test_a_later_reuse_ends_the_session_and_no_other(auth: Harness) -> None:
    first, other = auth.sign_in(), auth.sign_in()
    second = refresh(auth, first)
    auth.clock.at += REFRESH_GRACE + MILLISECOND
    assert [refused(auth, each.refresh_token) for each in (first, second, first)] == [True] * 3
    assert [auth.is_accepted(each) for each in (first, second, other)] == [False, False, True]
    assert auth.is_accepted(refresh(auth, other))


def test_reuse_is_logged_and_audited_once_without_the_token(auth: Harness) -> None:
    first = auth.sign_in()
    session_id = auth.session_id(first)
    second = refresh(auth, first)
    auth.clock.at += HOUR
    with capture_logs() as lines:
        assert [refused(auth, first.refresh_token) for _ in range(3)] == [True] * 3
    logged = {"event": "refresh_token_reused", "log_level": "warning", "sessionId": session_id, "adminId": "admin-1"}
    assert lines == [logged]
    assert auth.entries()[-1] == ("session.refresh_token_reused", session_id)
    assert [action for action, _ in auth.entries()].count("session.refresh_token_reused") == 1
    assert not {first.refresh_token, second.refresh_token} & {text for entry in auth.entries() for text in entry}


def test_an_unused_token_survives_a_change_of_the_secret(auth: Harness) -> None:
    second = refresh(auth, auth.sign_in())
    auth.service = a_service(auth.store, auth.clock, signing_key_secret="another secret, of another installation")
    auth.service.keys.rotate_at_once()
    assert auth.is_accepted(refresh(auth, second))


@given(steps=st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 11, 3600])), max_size=12))
def test_a_session_has_one_unused_token_in_any_order_of_uses(steps: list[tuple[int, int]]) -> None:
    auth = Harness()
    tokens = [auth.sign_in().refresh_token]
    for place, seconds in steps:
        auth.clock.at += timedelta(seconds=seconds)
        used = tokens[place % len(tokens)]
        try:
            successor = auth.service.sessions.refresh(used).refresh_token
        except InvalidRefreshToken:
            continue
        assert successor == refresh_token_after(used, derive_key(KEY_SECRET, REFRESH_TOKENS))
        if successor not in tokens:
            assert used == tokens[-1]
            tokens.append(successor)
    stored: list[Any] = [auth.store.refresh_tokens.find(refresh_token_id(each)) for each in tokens]
    assert [each.used_at is None for each in stored] == [False] * (len(stored) - 1) + [True]


# The end


def test_a_session_ends_once_with_both_tokens(auth: Harness) -> None:
    ended, other = auth.sign_in(), auth.sign_in()
    session_id = auth.session_id(ended)
    for each in (session_id, session_id, "session-9"):
        auth.service.sessions.end(each)
    assert refused(auth, ended.refresh_token)
    assert [auth.is_accepted(each) for each in (ended, other)] == [False, True]
    assert auth.store.sessions.get(session_id).ended_at == LATER
    assert [each for each in auth.entries() if each[0] == "session.ended"] == [("session.ended", session_id)]


def test_an_ended_session_is_reported_until_its_last_access_token_expires(auth: Harness) -> None:
    session_id = auth.session_id(auth.sign_in())
    auth.service.sessions.end(session_id)
    reported = []
    for passed in (0 * SECOND, LIFETIME, LIFETIME + 10 * SECOND - MILLISECOND, LIFETIME + 10 * SECOND):
        auth.clock.at = LATER + passed
        reported.append(list(auth.service.sessions.ended_ids()))
        # A sign-in must not remove it too early.
        auth.sign_in()
    assert reported == [[session_id]] * 3 + [[]]


def test_ended_sessions_and_retired_keys_are_revoked(auth: Harness) -> None:
    sign_in = auth.sign_in()
    key_id, session_id = auth.decoded(sign_in).header["kid"], auth.session_id(sign_in)
    assert (auth.service.revoked().sessions, auth.service.revoked().keys) == (frozenset(), frozenset())
    auth.service.sessions.end(session_id)
    auth.service.keys.rotate_at_once()
    revoked = auth.service.revoked()
    assert (revoked.sessions, revoked.keys) == (frozenset({session_id}), frozenset({key_id}))
