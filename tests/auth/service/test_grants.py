"""Learner grants: how long they are valid, and for whom."""

from datetime import timedelta

import pytest

from services.auth.entities import IssuedGrant
from services.kit.core.errors import Unauthorized
from services.kit.web.tokens.grants import Grant
from tests.auth.examples import a_service
from tests.auth.harness import A_TOKEN, Harness
from tests.clock import HOUR, LATER, SECOND

FINGERPRINT = "0123456789abcdef" * 4


@pytest.fixture
def auth(auth: Harness) -> Harness:
    """The harness with grants of an hour, longer than its access tokens."""
    auth.service = a_service(auth.store, auth.clock, auth.hasher, grant_lifetime=HOUR)
    return auth


@pytest.mark.parametrize("lifetime", [HOUR, timedelta(minutes=5)])
def test_a_grant_is_valid_for_its_lifetime(auth: Harness, lifetime: timedelta) -> None:
    auth.service = a_service(auth.store, auth.clock, auth.hasher, grant_lifetime=lifetime)
    grant = auth.service.grants.issue("event-1", FINGERPRINT)
    assert grant == IssuedGrant(A_TOKEN, int(lifetime.total_seconds()))
    assert grant.access_token not in repr(grant)
    assert auth.granted(grant.access_token) == Grant("event-1", FINGERPRINT)
    auth.clock.at = LATER + lifetime + 5 * SECOND
    with pytest.raises(Unauthorized):
        auth.granted(grant.access_token)


def test_a_grant_stays_valid_through_a_rotation(auth: Harness) -> None:
    auth.service.keys.published()
    auth.service.keys.rotate()
    # The last second in which the old key signs.
    auth.clock.at += timedelta(minutes=6) - SECOND
    grant = auth.service.grants.issue("event-1", FINGERPRINT)
    auth.clock.at += HOUR
    assert len(auth.service.keys.published()["keys"]) == 2
    assert auth.granted(grant.access_token) == Grant("event-1", FINGERPRINT)
