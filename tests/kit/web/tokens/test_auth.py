"""services.kit.web.tokens.auth: what comes of asking an auth that is not as it should be."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
import uvloop

from services.kit.core.config import LOCAL_SERVICE_SECRET
from services.kit.web.tokens.access import FetchKeys
from services.kit.web.tokens.auth import fetch_keys_from, fetch_revoked_from
from tests.resetting import resetting

# Without the care taken for it, one in sixteen met the moment in which such a connection is neither open nor closed.
QUESTIONS = 400
AT_ONCE = 4


async def failures(fetch: FetchKeys) -> list[BaseException]:
    """What so many questions come to that are not failures of HTTP."""
    heard: list[BaseException] = []
    for _ in range(QUESTIONS // AT_ONCE):
        heard += await asyncio.gather(*(fetch() for _ in range(AT_ONCE)), return_exceptions=True)
    return [each for each in heard if not isinstance(each, httpx.HTTPError)]


QUESTIONERS: list[Callable[[str], FetchKeys]] = [
    fetch_keys_from,
    lambda address: fetch_revoked_from(address, LOCAL_SERVICE_SECRET, "quiz"),
]


@pytest.mark.parametrize("asking", QUESTIONERS, ids=["signing keys", "revocations"])
def test_a_connection_that_is_reset_at_once_is_a_failure_of_http_and_nothing_else(
    asking: Callable[[str], FetchKeys],
) -> None:
    with resetting() as address:
        assert uvloop.run(failures(asking(f"http://{address}"))) == []
