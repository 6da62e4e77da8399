"""Signing in and the sessions of a person over HTTP: whole responses of each address."""

from typing import Any

import pytest

from tests.auth.client import CREDENTIALS, SIGN_IN, AuthClient
from tests.auth.examples import OWN_PASSWORD, PASSWORD
from tests.auth.harness import A_TOKEN
from tests.auth.memory import InMemoryAuthStore
from tests.matching import NEW_ID, Matching
from tests.refusals import UNAUTHORIZED, Response, refusal

ENDED = "/internal/ended-sessions"
KEYS = "/.well-known/jwks.json"
LOGOUT, ME, CHANGE = "/api/admin/logout", "/api/admin/me", "/api/admin/me/password"
WRONG = {"username": "ada", "password": "a wrong guess"}
THROTTLED = refusal(429, "RATE_LIMITED", "Too many attempts to sign in; try again later")


def change_password(client: AuthClient, sign_in: Any, **changes: Any) -> Response:
    document = {"currentPassword": PASSWORD, "newPassword": OWN_PASSWORD, **changes}
    return client.admin(sign_in, "POST", CHANGE, document)


def test_a_throttled_client_learns_when_to_retry_and_costs_no_hash(client: AuthClient) -> None:
    assert [client.login_from(WRONG, "192.0.2.1").status_code for _ in range(10)] == [401] * 10
    client.harness.hasher.take_counts()
    for document in (WRONG, CREDENTIALS):
        response = client.login_from(document, "192.0.2.1")
        assert Response(response.status_code, response.json) == THROTTLED
        assert response.headers["Retry-After"] == "900"
    assert client.harness.hasher.take_counts() == (0, 0)
    # The address is the client's, not the gateway's.
    assert client.login_from(CREDENTIALS, "198.51.100.7").status_code == 200


@pytest.mark.parametrize("address", [None, "", "not an address", "192.0.2.1, 192.0.2.2"])
def test_clients_without_a_valid_address_are_throttled_as_one(client: AuthClient, address: str | None) -> None:
    assert [client.login_from(WRONG, address).status_code for _ in range(11)] == [401] * 10 + [429]
    assert client.login_from(WRONG).status_code == 429


def test_the_published_keys_have_no_private_part(client: AuthClient) -> None:
    x = Matching("[A-Za-z0-9_-]{43}")
    key = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": NEW_ID, "use": "sig", "alg": "Ed25519"}
    assert client.send("GET", KEYS) == client.send("GET", KEYS, "not a token") == Response(200, {"keys": [key]})


def test_a_grant_is_signed(client: AuthClient) -> None:
    response = client.gateway("POST", "/internal/grants", {"eventId": "event-1", "fingerprint": "0" * 64})
    assert response == Response(200, {"accessToken": A_TOKEN, "tokenType": "Bearer", "expiresIn": 900})


def test_services_read_ended_sessions_and_retired_keys(client: AuthClient) -> None:
    assert client.gateway("GET", ENDED) == Response(200, {"items": [], "keys": []})
    for sign_in in (client.login(), client.login()):
        client.admin(sign_in, "POST", LOGOUT)
    [key] = client.service.keys.list()
    client.service.keys.rotate_at_once()
    ended = client.service.sessions.ended_ids()
    assert len(ended) == 2
    assert client.gateway("GET", ENDED) == Response(200, {"items": sorted(ended), "keys": [key.id]})


# One's own account


def test_a_changed_password_begins_another_session_and_ends_the_others(client: AuthClient) -> None:
    sign_in, other = client.login(), client.login()
    response = change_password(client, sign_in)
    assert response == SIGN_IN
    assert [client.admin(each, "GET", ME).status for each in (response.document, sign_in, other)] == [200, 401, 401]
    assert client.login(password=OWN_PASSWORD)["user"] == {"id": "admin-1", "username": "ada"}


def test_guesses_with_a_stolen_token_are_throttled(client: AuthClient) -> None:
    sign_in = client.login()
    responses = [change_password(client, sign_in, currentPassword="a wrong guess") for _ in range(11)]
    assert [each.status for each in responses] == [401] * 10 + [429]
    assert responses[-1] == THROTTLED


def test_a_deleted_admin_is_unauthorized(client: AuthClient) -> None:
    sign_in = client.login()
    assert isinstance(client.harness.store, InMemoryAuthStore)
    client.harness.store.forget_admins()
    assert client.admin(sign_in, "GET", ME) == change_password(client, sign_in) == UNAUTHORIZED
