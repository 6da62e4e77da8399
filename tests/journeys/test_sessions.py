"""Sessions and keys on real processes: ended sessions are refused everywhere within seconds, others never."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jws import extract_compact

from services.auth.models import SigningKeyRow
from services.kit.core.instants import now
from services.kit.storage.database import open_database
from services.kit.web.tokens.access import KEYS_LIFETIME
from tests.clients import Clients
from tests.clock import SECOND
from tests.contract.people import OWN, settled
from tests.installation import ADMIN, ENGINES, Installation, Stack, installation
from tests.waiting import until

pytestmark = pytest.mark.full

NEW_PASSWORD = "violins under the ferry"
ADMINS_ADDRESSES = ("/api/events", "/api/quizzes", "/api/admin/me")


@pytest.fixture(scope="module", params=ENGINES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A stack of its own, since its keys are rotated and its auth is stopped."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    with installation(tmp_path_factory.mktemp(request.param), server) as made:
        made.prepare()
        made.start()
        yield made


def sign_in(client: httpx.Client, username: str = ADMIN["username"], password: str = ADMIN["password"]) -> Any:
    """Return the body of a sign-in."""
    response = client.post("/api/admin/login", json={"username": username, "password": password})
    assert response.status_code == 200, response.text
    return response.json()


def refresh(client: httpx.Client, signed_in: Any) -> httpx.Response:
    """Send its refresh token."""
    return client.post("/api/admin/token/refresh", json={"refreshToken": signed_in["refreshToken"]})


def status(client: httpx.Client, address: str, signed_in: Any) -> int:
    """Return the status of a request with the access token."""
    return client.get(address, headers={"Authorization": f"Bearer {signed_in['accessToken']}"}).status_code


def key_of(signed_in: Any) -> str:
    """Return the id of the key that signed the access token."""
    return str(extract_compact(signed_in["accessToken"].encode()).protected["kid"])


def test_a_changed_password_ends_every_other_session_everywhere(stack: Stack) -> None:
    with stack.admin() as owner, stack.client() as client:
        person, first = settled(owner, client, "viewer")
        second = sign_in(client, person["username"], OWN)
        assert [status(client, each, second) for each in ADMINS_ADDRESSES] == [200] * 3
        bearer = {"Authorization": f"Bearer {first['accessToken']}"}
        change = {"currentPassword": OWN, "newPassword": NEW_PASSWORD}
        changed = client.post("/api/admin/me/password", json=change, headers=bearer).json()
        for ended in (first, second):
            assert refresh(client, ended).status_code == 401
            for address in ADMINS_ADDRESSES:
                until(lambda at=address, of=ended: status(client, at, of) == 401, address)  # type: ignore[misc]
        refused = client.post("/api/admin/login", json={"username": person["username"], "password": OWN})
        assert refused.status_code == 401
        assert [status(client, each, changed) for each in ADMINS_ADDRESSES] == [200] * 3
        assert refresh(client, changed).status_code == 200
        assert sign_in(client, person["username"], NEW_PASSWORD)["user"]["username"] == person["username"]


def test_each_service_learns_by_itself_that_a_session_has_ended(built: Installation) -> None:
    places = {"gateway": "/api/events", "content": "/api/events", "quiz": "/api/quizzes", "auth": "/api/admin/me"}
    with built.client() as client:
        ended, other = sign_in(client), sign_in(client)
        addresses = [built.addresses[name] + path for name, path in places.items()]
        assert [status(client, each, ended) for each in addresses] == [200] * 4
        headers = {"Authorization": f"Bearer {ended['accessToken']}"}
        # To auth itself: the gateway must not learn of it from the request.
        assert client.post(f"{built.addresses['auth']}/api/admin/logout", headers=headers).status_code == 204
        for address in addresses:
            until(lambda at=address: status(client, at, ended) == 401, address)  # type: ignore[misc]
        assert [status(client, each, other) for each in addresses] == [200] * 4


def test_without_auth_valid_tokens_work_and_ended_sessions_stay_refused(built: Installation) -> None:
    with built.client() as client:
        ended, other = sign_in(client), sign_in(client)
        headers = {"Authorization": f"Bearer {ended['accessToken']}"}
        assert client.post("/api/admin/logout", headers=headers).status_code == 204
        for address in ("/api/events", "/api/quizzes"):
            until(lambda at=address: status(client, at, ended) == 401, address)  # type: ignore[misc]
        built.kill("auth")

        def is_missed_by(name: str) -> bool:
            assert [status(client, each, other) for each in ("/api/events", "/api/quizzes")] == [200, 200]
            return "revocations_unavailable" in built.log_lines(name)

        for name in ("gateway", "content", "quiz"):
            until(lambda who=name: is_missed_by(who), f"{name} misses auth")  # type: ignore[misc]
        assert [status(client, each, ended) for each in ("/api/events", "/api/quizzes")] == [401, 401]
        built.start("auth")
        assert [status(client, each, other) for each in ADMINS_ADDRESSES] == [200] * 3
        assert status(client, "/api/events", ended) == 401


def test_no_request_is_refused_during_a_key_rotation(built: Installation) -> None:
    with built.client() as client:
        tokens = [sign_in(client)]
        first = key_of(tokens[0])
        refusals: list[tuple[str, int]] = []

        def work(worker: int) -> Iterator[None]:
            address = ADMINS_ADDRESSES[worker % len(ADMINS_ADDRESSES)]
            with built.client() as mine:
                while True:
                    for signed_in in (tokens[0], tokens[-1]):
                        answered = status(mine, address, signed_in)
                        if answered != 200:
                            refusals.append((address, answered))
                    yield

        with Clients(3, work):
            done = built.command("auth", "keys", "rotate")
            assert done.returncode == 0, done.stderr
            second = done.stdout.split()[0]
            _shorten_the_wait(built, second)

            def is_signed_by_the_second() -> bool:
                tokens.append(sign_in(client))
                return key_of(tokens[-1]) == second

            until(is_signed_by_the_second, "the second key signs")
            for _ in range(10):
                tokens.append(refresh(client, tokens[-1]).json())
        assert (refusals, key_of(tokens[0]), key_of(tokens[-1])) == ([], first, second)
        assert len({key_of(each) for each in tokens}) == 2


def test_a_revoked_key_is_refused_within_seconds_and_refresh_tokens_work(built: Installation) -> None:
    with built.client() as client:
        leaked = sign_in(client)
        assert [status(client, each, leaked) for each in ADMINS_ADDRESSES] == [200] * 3
        done = built.command("auth", "keys", "rotate", "--at-once")
        assert done.returncode == 0, done.stderr
        for address in ADMINS_ADDRESSES:
            until(lambda at=address: status(client, at, leaked) == 401, address)  # type: ignore[misc]
        going_on = refresh(client, leaked).json()
        for address in ADMINS_ADDRESSES:
            until(lambda at=address: status(client, at, going_on) == 200, address)  # type: ignore[misc]


def _shorten_the_wait(built: Installation, key_id: str) -> None:
    """Let the key sign in six seconds instead of six minutes.

    That is longer than anyone refuses a key that is unknown, so that the wait is still what it is meant to be: long
    enough for whoever keeps older keys to have heard of it.
    """
    assert KEYS_LIFETIME > 6 * SECOND
    database = open_database(built.environment["AUTH_DATABASE_URL"])
    SigningKeyRow.update(signs_from=now() + 6 * SECOND).where(SigningKeyRow.id == key_id).execute(database)
    database.close()
