"""services.kit.tokens.auth: what comes of asking an auth that is not as it should be."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvloop

from services.kit.config import LOCAL_SERVICE_SECRET
from services.kit.tokens import FetchKeys, fetch_keys_from, fetch_revoked_from

# Without the care taken for it, one in sixteen met the moment in which such a connection is neither open nor closed.
QUESTIONS = 400
AT_ONCE = 4
# What `close` does then: the peer is told that the connection is broken, not that it is over.
RESET = struct.pack("ii", 1, 0)


@contextmanager
def breaking_auth() -> Iterator[str]:
    """The address of an auth that resets each connection as soon as it is made."""
    listener = socket.create_server(("127.0.0.1", 0))

    def reset_each() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.close()

    thread = threading.Thread(target=reset_each)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


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
    with breaking_auth() as address:
        assert uvloop.run(failures(asking(address))) == []
