"""Auth over HTTP: every route, whole answers, and what is refused, by whom it may be called and why."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from services.auth.app import routes
from services.auth.config import read_settings
from services.auth.service import AuthService
from services.kit.database import open_database
from services.kit.instants import now
from services.kit.tokens import issue_service_token
from services.kit.use_cases import UseCases
from services.kit.web import Guard, Route, create_service_app
from tests.app_client import Client
from tests.auth.examples import PASSWORD, CountingHasher
from tests.auth.memory import InMemoryAuthStore
from tests.clock import StoppedClock
from tests.kit.forging import SECRET, Forge
from tests.matching import NEW_ID, Matching
from tests.refusals import METHOD_NOT_ALLOWED, NOT_FOUND, NOT_JSON, TOO_LARGE, UNAUTHORIZED, Answer, invalid, refusal

LOGIN = "/internal/login"
KEYS = "/.well-known/jwks.json"
CREDENTIALS = {"username": "ada", "password": PASSWORD}
SETTINGS = read_settings({"SERVICE_TOKEN_SECRET": SECRET})

# The kit words what a field must be, and its tests know how.
SOME_TEXT = Matching(".+")
WRONG_CREDENTIALS = refusal(401, "INVALID_CREDENTIALS", "The username or the password is wrong")


def service_token(audience: str = "auth", secret: str = SECRET) -> str:
    """The gateway's token for auth, but for the changes."""
    return issue_service_token(secret, "gateway", audience, now())


def table() -> tuple[tuple[Route, ...], UseCases]:
    """The routes table over fakes, with one admin, and the pool that its use cases run in."""
    use_cases = UseCases(open_database("sqlite:////nowhere/auth.sqlite"), threads=1)
    service = AuthService(InMemoryAuthStore(), timedelta(minutes=15), StoppedClock(), CountingHasher())
    service.create_admin("ada", PASSWORD, "admin-1")
    return routes(service, use_cases), use_cases


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of the app, running."""
    all_routes, use_cases = table()
    with Client.of(create_service_app(all_routes, SETTINGS, use_cases)) as client:
        yield client


def login(client: Client, document: Any) -> Answer:
    """Sign in as the gateway passes it on."""
    return client.send("POST", LOGIN, service_token(), json=document)


def test_a_sign_in_is_answered_whole(client: Client) -> None:
    assert login(client, {**CREDENTIALS, "remember": True}) == Answer(
        200,
        {
            "accessToken": Matching(r"[\w-]+\.[\w-]+\.[\w-]+"),
            "tokenType": "Bearer",
            "expiresIn": 900,
            "user": {"id": "admin-1", "username": "ada"},
        },
    )


def test_the_name_is_trimmed_and_the_password_is_not(client: Client) -> None:
    assert login(client, {**CREDENTIALS, "username": " ada\n"}).status == 200
    assert login(client, {**CREDENTIALS, "password": PASSWORD + " "}) == WRONG_CREDENTIALS


@pytest.mark.parametrize(
    "document", [{**CREDENTIALS, "password": "wrong password"}, {**CREDENTIALS, "username": "eve"}]
)
def test_a_wrong_password_and_an_unknown_name_are_the_same_answer(client: Client, document: dict[str, str]) -> None:
    assert login(client, document) == WRONG_CREDENTIALS


def test_the_published_keys_are_open_and_show_no_private_part(client: Client) -> None:
    key = {"kty": "OKP", "crv": "Ed25519", "x": Matching("[A-Za-z0-9_-]{43}"), "kid": NEW_ID, "use": "sig"}
    assert client.send("GET", KEYS) == Answer(200, {"keys": [{**key, "alg": "Ed25519"}]})
    assert client.send("GET", KEYS, "not a token") == client.send("GET", KEYS)


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({}, invalid({"username": ["is required"], "password": ["is required"]})),
        ({**CREDENTIALS, "username": "ab"}, invalid({"username": [SOME_TEXT]})),
        ({**CREDENTIALS, "username": "  ab  "}, invalid({"username": [SOME_TEXT]})),
        ({**CREDENTIALS, "username": "a" * 201}, invalid({"username": [SOME_TEXT]})),
        ({**CREDENTIALS, "username": "ada\0"}, invalid({"username": ["must not contain control characters"]})),
        ({**CREDENTIALS, "username": 123}, invalid({"username": [SOME_TEXT]})),
        ({**CREDENTIALS, "password": "12345"}, invalid({"password": [SOME_TEXT]})),
        # What costs as much to hash as it is long has an end.
        ({**CREDENTIALS, "password": "a" * 1025}, invalid({"password": [SOME_TEXT]})),
        ({**CREDENTIALS, "password": None}, invalid({"password": [SOME_TEXT]})),
        ({**CREDENTIALS, "password": ["secret1"]}, invalid({"password": [SOME_TEXT]})),
        ([CREDENTIALS], invalid({}, ["must be a JSON object"])),
    ],
)
def test_credentials_that_break_their_schema_are_refused_by_the_name_of_the_field(
    client: Client, document: Any, answer: Answer
) -> None:
    assert login(client, document) == answer


def test_no_refusal_repeats_the_password(client: Client) -> None:
    secret = "a-secret-of-mine" * 100
    for document in ({**CREDENTIALS, "password": secret}, {"username": [secret], "password": [secret]}):
        assert "a-secret-of-mine" not in client.exchange("POST", LOGIN, service_token(), json=document).text


@pytest.mark.parametrize("body", [b"", b"{", b"username=ada", b'"\\ud800"', b"\xff"])
def test_a_body_that_is_no_json_is_a_request_error(client: Client, body: bytes) -> None:
    answer = client.send("POST", LOGIN, service_token(), body=body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.document["error"]) == (400, "REQUEST_ERROR")
    assert set(answer.document) == {"error", "message", "requestId"}


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_of_another_type_is_a_request_error(client: Client, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = client.send("POST", LOGIN, service_token(), body=json.dumps(CREDENTIALS), headers=headers)
    assert answer == NOT_JSON


def test_a_body_of_more_than_a_mebibyte_is_too_large(client: Client) -> None:
    assert login(client, {**CREDENTIALS, "password": "a" * 1024 * 1024}) == TOO_LARGE


@pytest.mark.parametrize("path", ["/", "/internal", LOGIN + "/", "/.well-known", "/api/admin/login"])
def test_an_unknown_address_is_not_found(client: Client, path: str) -> None:
    assert client.send("POST", path, service_token()) == NOT_FOUND


def test_a_method_that_an_address_does_not_take_is_said_to_be_so(client: Client) -> None:
    assert client.send("GET", LOGIN, service_token()) == METHOD_NOT_ALLOWED
    assert client.send("POST", KEYS) == METHOD_NOT_ALLOWED


# Guards


def requests_of(guard: Guard) -> list[tuple[str, str]]:
    """A request for each method of each route with that guard, from the routes table."""
    all_routes, use_cases = table()
    use_cases.close()
    return [
        (method, route.path)
        for route, method in product(all_routes, ("GET", "POST", "PUT", "PATCH", "DELETE"))
        if route.guard_of(method) is guard and hasattr(route.resource, f"on_{method.lower()}")
    ]


BAD_SERVICE_TOKENS: dict[str, Callable[[], str]] = {
    "an admin's": Forge(audience="auth").token,
    "of another secret": lambda: service_token(secret="another secret that is long enough"),
    "for another service": lambda: service_token(audience="quiz"),
    "expired": lambda: issue_service_token(SECRET, "gateway", "auth", now() - timedelta(hours=1)),
    "no token": lambda: "no-token",
}


def test_the_table_guards_what_it_should() -> None:
    assert requests_of(Guard.OPEN) == [("GET", KEYS)]
    assert requests_of(Guard.SERVICE) == [("POST", LOGIN)]
    assert [requests_of(each) for each in (Guard.VIEWER, Guard.EDITOR, Guard.OWNER)] == [[], [], []]


@pytest.mark.parametrize(("method", "path"), requests_of(Guard.SERVICE))
@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YWRhOmFkYQ==", "token"])
def test_without_a_bearer_token_no_route_opens(client: Client, method: str, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    result = client.exchange(method, path, headers=headers, json=CREDENTIALS)
    assert Answer(result.status_code, result.json) == UNAUTHORIZED
    assert result.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), requests_of(Guard.SERVICE))
@pytest.mark.parametrize("token", BAD_SERVICE_TOKENS.values(), ids=BAD_SERVICE_TOKENS.keys())
def test_no_other_token_opens_a_route_for_services(
    client: Client, method: str, path: str, token: Callable[[], str]
) -> None:
    assert client.send(method, path, token(), json=CREDENTIALS) == UNAUTHORIZED
