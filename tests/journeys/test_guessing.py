"""Many guesses at a password at once, through several workers of auth; other people can sign in."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.clients import send_patiently
from tests.installation import ADMIN, ENGINES, Installation, installation

pytestmark = pytest.mark.full

LOGIN = "/api/admin/login"
USERS = "/api/admin/users"
OWN = "nine moles dig a tunnel"
AT_ONCE = 12
GUESSES = 300
# The gateway trusts one proxy, so that a request may name its client.
FROM = "X-Forwarded-For"


@pytest.fixture(scope="module", params=ENGINES)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A stack behind a proxy, with two workers of each process."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    folder: Path = tmp_path_factory.mktemp(request.param)
    with installation(folder, server, WEB_CONCURRENCY="2", TRUSTED_PROXIES="1") as built:
        built.prepare()
        built.start()
        yield built


def new_person(stack: Installation, username: str) -> dict[str, str]:
    """Return the credentials of a new viewer."""
    with stack.admin() as admin, stack.client() as client:
        initial = admin.post(USERS, json={"username": username, "role": "viewer"}).json()["initialPassword"]
        first = {"username": username, "password": initial, "newPassword": OWN}
        assert client.post(LOGIN, json=first, headers={FROM: "203.0.113.250"}).status_code == 200
    return {"username": username, "password": OWN}


def guess(client: httpx.Client, username: str, number: int, address: str) -> httpx.Response:
    """Try one password from that address."""
    credentials = {"username": username, "password": f"guess {number}"}
    return send_patiently(lambda: client.post(LOGIN, json=credentials, headers={FROM: address}))


@pytest.mark.parametrize(("kind", "looked_at"), [("one", 10), ("thirty", 300)])
def test_of_many_guesses_at_once_ten_of_an_address_are_checked(stack: Installation, kind: str, looked_at: int) -> None:
    credentials = new_person(stack, f"{kind}-address")
    addresses = ["203.0.113.1"] if kind == "one" else [f"203.0.113.{number}" for number in range(30)]
    with stack.client() as client, ThreadPoolExecutor(AT_ONCE) as guessers:
        guesses = [
            guessers.submit(guess, client, credentials["username"], number, addresses[number % len(addresses)])
            for number in range(GUESSES)
        ]
        # Another person signs in from the same address meanwhile.
        same = {FROM: addresses[0]}
        others = [send_patiently(lambda: client.post(LOGIN, json=ADMIN, headers=same)) for _ in range(5)]
        responses = [each.result() for each in guesses]

        assert Counter(each.status_code for each in responses) == +Counter({401: looked_at, 429: GUESSES - looked_at})
        refused = [each for each in responses if each.status_code == 429]
        assert [each.json()["error"] for each in refused] == ["RATE_LIMITED"] * len(refused)
        assert all(0 < int(each.headers["Retry-After"]) <= 900 for each in refused)
        assert [each.status_code for each in others] == [200] * 5

        # The right password is refused at the guesser's address, and at no other.
        beside_the_guesser = client.post(LOGIN, json=credentials, headers={FROM: addresses[0]})
        at_a_new_address = client.post(LOGIN, json=credentials, headers={FROM: "203.0.113.240"})
        assert (beside_the_guesser.status_code, at_a_new_address.status_code) == (429, 200)
