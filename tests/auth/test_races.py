"""Many writers at once, each in a thread with a connection of its own, on both engines."""

import peewee
import pytest
from joserfc.jws import extract_compact

from services.auth.errors import UsernameTaken
from services.auth.migrations import MIGRATIONS
from services.auth.repository import PeeweeAuthStore
from services.auth.service import AuthService
from services.kit.errors import ServiceError
from tests.auth.examples import PASSWORD, a_service
from tests.parallel import at_once


@pytest.fixture
def service(database: peewee.Database) -> AuthService:
    """Auth over a database of its own, without an admin and without a key."""
    MIGRATIONS.up(database)
    return a_service(PeeweeAuthStore(database))


def test_of_ten_admins_with_one_name_exactly_one_is_created(service: AuthService) -> None:
    results = at_once(*[lambda: service.create_admin("ada", PASSWORD)] * 10)
    [created] = [each for each in results if not isinstance(each, ServiceError)]
    assert [type(each) for each in results if isinstance(each, ServiceError)] == [UsernameTaken] * 9
    assert service.sign_in("ada", PASSWORD).admin == created


def test_whoever_asks_first_every_token_is_of_a_published_key(service: AuthService) -> None:
    service.create_admin("ada", PASSWORD)
    results = at_once(*[lambda: service.sign_in("ada", PASSWORD).access_token] * 10)
    assert not [each for each in results if isinstance(each, ServiceError)]
    published = {key["kid"] for key in service.keys.published()["keys"]}
    assert {_key_id(each) for each in results if isinstance(each, str)} <= published


def _key_id(token: str) -> str:
    return str(extract_compact(token.encode()).protected["kid"])
