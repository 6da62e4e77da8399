"""Many writers at once, each in a thread with a connection of its own, on both engines."""

from collections.abc import Sequence

import peewee
import pytest
from joserfc.jws import extract_compact

from services.auth import rules
from services.auth.entities import Rotation, SignIn
from services.auth.errors import InvalidCredentials, InvalidRefreshToken, KeyWaiting, UsernameTaken
from services.auth.migrations import MIGRATIONS
from services.auth.repository.store import PeeweeAuthStore
from services.auth.service.sign_in import AuthService
from services.kit.core.errors import ServiceError
from tests.auth.examples import PASSWORD, a_service
from tests.clock import SECOND, StoppedClock
from tests.parallel import at_once


@pytest.fixture
def clock() -> StoppedClock:
    """The time that the service below believes in."""
    return StoppedClock()


@pytest.fixture
def service(database: peewee.Database, clock: StoppedClock) -> AuthService:
    """Auth over a database of its own, without an admin and without a key."""
    MIGRATIONS.up(database)
    return a_service(PeeweeAuthStore(database), clock)


def test_of_ten_admins_with_one_name_exactly_one_is_created(service: AuthService) -> None:
    results = at_once(*[lambda: service.create_admin("ada", PASSWORD)] * 10)
    [created] = [each for each in results if not isinstance(each, ServiceError)]
    assert [type(each) for each in results if isinstance(each, ServiceError)] == [UsernameTaken] * 9
    assert service.sign_in("ada", PASSWORD).admin == created


def test_whoever_asks_first_there_is_one_key_and_every_token_is_of_it(service: AuthService) -> None:
    service.create_admin("ada", PASSWORD)
    results = at_once(
        *[lambda: service.sign_in("ada", PASSWORD).access_token] * 8, *[lambda: str(service.keys.published())] * 2
    )
    assert not [each for each in results if isinstance(each, ServiceError)]
    [key] = service.keys.list()
    assert {_key_id(str(each)) for each in results[:8]} == {key.id}
    assert all(key.id in str(each) for each in results[8:])


def test_of_five_rotations_at_once_exactly_one_is_done(service: AuthService) -> None:
    service.keys.published()
    results = at_once(*[service.keys.rotate] * 5)
    assert [type(each) for each in results].count(Rotation) == 1
    assert [type(each) for each in results].count(KeyWaiting) == 4
    assert len(service.keys.list()) == 2


def test_rotations_at_once_leave_one_key_that_signs_whoever_signs_in_meanwhile(service: AuthService) -> None:
    service.create_admin("ada", PASSWORD)
    at_once(*[service.keys.rotate_at_once] * 4, *[lambda: service.sign_in("ada", PASSWORD)] * 4)
    published = {key["kid"] for key in service.keys.published()["keys"]}
    assert published == {_key_id(service.sign_in("ada", PASSWORD).access_token)}


# Sessions


@pytest.fixture
def signed_in(service: AuthService) -> SignIn:
    """Ada's sign-in."""
    service.create_admin("ada", PASSWORD, "admin-1")
    return service.sign_in("ada", PASSWORD)


def uses(service: AuthService, token: str, times: int) -> Sequence[SignIn | ServiceError]:
    """What came of so many uses of a refresh token at the same moment."""
    return at_once(*[lambda: service.sessions.refresh(token)] * times)


def test_twenty_uses_of_one_token_at_once_give_one_successor_and_log_nobody_out(
    service: AuthService, signed_in: SignIn
) -> None:
    results = uses(service, signed_in.refresh_token, 20)
    assert [type(each) for each in results] == [SignIn] * 20
    successors = {each.refresh_token for each in results if isinstance(each, SignIn)}
    assert len(successors) == 1
    assert len({each.access_token for each in results if isinstance(each, SignIn)}) == 20
    # And so on, from any of them.
    results = uses(service, successors.pop(), 20)
    assert [type(each) for each in results] == [SignIn] * 20


def test_twenty_reuses_of_one_token_at_once_end_its_session_once(
    service: AuthService, signed_in: SignIn, clock: StoppedClock
) -> None:
    successor = service.sessions.refresh(signed_in.refresh_token)
    clock.at += rules.REFRESH_GRACE + SECOND
    assert [type(each) for each in uses(service, signed_in.refresh_token, 20)] == [InvalidRefreshToken] * 20
    with pytest.raises(InvalidRefreshToken):
        service.sessions.refresh(successor.refresh_token)
    assert len(service.sessions.ended()) == 1


def test_the_owner_and_a_thief_at_the_same_moment_leave_no_token_that_goes_on(
    service: AuthService, signed_in: SignIn, clock: StoppedClock
) -> None:
    successor = service.sessions.refresh(signed_in.refresh_token).refresh_token
    clock.at += rules.REFRESH_GRACE + SECOND
    at_once(
        *[lambda: service.sessions.refresh(signed_in.refresh_token)] * 10,
        *[lambda: service.sessions.refresh(successor)] * 10,
    )
    for token in (signed_in.refresh_token, successor):
        assert [type(each) for each in uses(service, token, 1)] == [InvalidRefreshToken]


def test_of_five_password_changes_at_once_one_is_done_and_one_session_is_left(
    service: AuthService, signed_in: SignIn
) -> None:
    passwords = [f"a new password of mine {number}" for number in range(5)]
    results = at_once(
        *[lambda new=new: service.change_password("admin-1", PASSWORD, new) for new in passwords],
    )
    assert [type(each) for each in results].count(SignIn) == 1
    assert [type(each) for each in results].count(InvalidCredentials) == 4
    [changed] = [number for number, each in enumerate(results) if isinstance(each, SignIn)]
    assert service.sign_in("ada", passwords[changed]).admin.id == "admin-1"
    with pytest.raises(InvalidRefreshToken):
        service.sessions.refresh(signed_in.refresh_token)


def test_no_session_outlives_a_password_change_whatever_is_refreshed_or_signed_in_meanwhile(
    service: AuthService, signed_in: SignIn
) -> None:
    results = at_once(
        lambda: service.change_password("admin-1", PASSWORD, "a new password of mine"),
        *[lambda: service.sessions.refresh(signed_in.refresh_token)] * 5,
        *[lambda: service.sign_in("ada", PASSWORD)] * 5,
    )
    changed, *others = results
    assert isinstance(changed, SignIn)
    assert isinstance(service.sessions.refresh(changed.refresh_token), SignIn)
    for each in others:
        if isinstance(each, SignIn):
            assert [type(found) for found in uses(service, each.refresh_token, 1)] == [InvalidRefreshToken]


def _key_id(token: str) -> str:
    return str(extract_compact(token.encode()).protected["kid"])
