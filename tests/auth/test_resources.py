"""Auth over HTTP: every route, whole answers, and what is refused, by whom it may be called and why."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from services.kit.core.instants import now
from services.kit.web.guards import Guard
from services.kit.web.tokens.service import issue_service_token
from tests.auth.client import CREDENTIALS, LOGIN, Auth, AuthClient, running, service_token
from tests.auth.examples import PASSWORD, CountingHasher, an_admin
from tests.kit.forging import BAD_ACCESS_TOKENS, SECRET, Forge
from tests.matching import NEW_ID, Matching
from tests.refusals import METHOD_NOT_ALLOWED, NOT_FOUND, NOT_JSON, TOO_LARGE, UNAUTHORIZED, Answer, invalid, refusal

GRANTS = "/internal/grants"
KEYS = "/.well-known/jwks.json"
GRACES_HASH = CountingHasher().hash(PASSWORD)

# The kit words what a field must be, and its tests know how.
SOME_TEXT = Matching(".+")
WRONG_CREDENTIALS = refusal(401, "INVALID_CREDENTIALS", "The username or the password is wrong")


@pytest.fixture
def client() -> Iterator[AuthClient]:
    """A client of the app, running."""
    with running(Auth()) as client:
        yield client


def login(client: AuthClient, document: Any) -> Answer:
    """Sign in as the gateway passes it on."""
    return client.gateway("POST", LOGIN, document)


def test_a_sign_in_is_answered_whole(client: AuthClient) -> None:
    assert login(client, {**CREDENTIALS, "remember": True}) == Answer(
        200,
        {
            "accessToken": Matching(r"[\w-]+\.[\w-]+\.[\w-]+"),
            "tokenType": "Bearer",
            "expiresIn": 900,
            "refreshToken": Matching(r"[\w-]{43}"),
            "refreshExpiresIn": 86_400,
            "user": {"id": "admin-1", "username": "ada"},
        },
    )


def test_the_name_is_trimmed_and_the_password_is_not(client: AuthClient) -> None:
    assert login(client, {**CREDENTIALS, "username": " ada\n"}).status == 200
    assert login(client, {**CREDENTIALS, "password": PASSWORD + " "}) == WRONG_CREDENTIALS


@pytest.mark.parametrize(
    "document", [{**CREDENTIALS, "password": "wrong password"}, {**CREDENTIALS, "username": "eve"}]
)
def test_a_wrong_password_and_an_unknown_name_are_the_same_answer(client: AuthClient, document: dict[str, str]) -> None:
    assert login(client, document) == WRONG_CREDENTIALS


def test_the_published_keys_are_open_and_show_no_private_part(client: AuthClient) -> None:
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
    client: AuthClient, document: Any, answer: Answer
) -> None:
    assert login(client, document) == answer


def test_no_refusal_repeats_the_password(client: AuthClient) -> None:
    secret = "a-secret-of-mine" * 100
    for document in ({**CREDENTIALS, "password": secret}, {"username": [secret], "password": [secret]}):
        assert "a-secret-of-mine" not in client.exchange("POST", LOGIN, service_token(), json=document).text


@pytest.mark.parametrize("body", [b"", b"{", b"username=ada", b'"\\ud800"', b"\xff"])
def test_a_body_that_is_no_json_is_a_request_error(client: AuthClient, body: bytes) -> None:
    answer = client.send("POST", LOGIN, service_token(), body=body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.document["error"]) == (400, "REQUEST_ERROR")
    assert set(answer.document) == {"error", "message", "requestId"}


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_of_another_type_is_a_request_error(client: AuthClient, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = client.send("POST", LOGIN, service_token(), body=json.dumps(CREDENTIALS), headers=headers)
    assert answer == NOT_JSON


def test_a_body_of_more_than_a_mebibyte_is_too_large(client: AuthClient) -> None:
    assert login(client, {**CREDENTIALS, "password": "a" * 1024 * 1024}) == TOO_LARGE


@pytest.mark.parametrize("path", ["/", "/internal", LOGIN + "/", "/.well-known", "/api/admin/login"])
def test_an_unknown_address_is_not_found(client: AuthClient, path: str) -> None:
    assert client.send("POST", path, service_token()) == NOT_FOUND


def test_a_method_that_an_address_does_not_take_is_said_to_be_so(client: AuthClient) -> None:
    assert client.send("GET", LOGIN, service_token()) == METHOD_NOT_ALLOWED
    assert client.send("POST", KEYS) == METHOD_NOT_ALLOWED


# Guards


def requests_of(guard: Guard) -> list[tuple[str, str]]:
    """A request for each method of each route with that guard, from the routes table."""
    auth = Auth()
    auth.use_cases.close()
    return [
        (method, route.path)
        for route, method in product(auth.routes, ("GET", "POST", "PUT", "PATCH", "DELETE"))
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
    assert {guard: requests_of(guard) for guard in Guard} == {
        Guard.OPEN: [("GET", KEYS)],
        Guard.VIEWER: [("POST", "/api/admin/logout"), ("GET", "/api/admin/me"), ("POST", "/api/admin/me/password")],
        Guard.EDITOR: [],
        Guard.OWNER: [
            ("GET", "/api/admin/users"),
            ("POST", "/api/admin/users"),
            ("GET", "/api/admin/users/{user_id}"),
            ("PUT", "/api/admin/users/{user_id}"),
            ("POST", "/api/admin/users/{user_id}/password"),
        ],
        Guard.SERVICE: [
            ("POST", GRANTS),
            ("POST", LOGIN),
            ("POST", "/internal/token/refresh"),
            ("GET", "/internal/ended-sessions"),
        ],
    }


@pytest.mark.parametrize(("method", "path"), [*requests_of(Guard.SERVICE), *requests_of(Guard.VIEWER)])
@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YWRhOmFkYQ==", "token"])
def test_without_a_bearer_token_no_route_opens(client: AuthClient, method: str, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    result = client.exchange(method, path, headers=headers, json=CREDENTIALS)
    assert Answer(result.status_code, result.json) == UNAUTHORIZED
    assert result.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), requests_of(Guard.SERVICE))
@pytest.mark.parametrize("token", BAD_SERVICE_TOKENS.values(), ids=BAD_SERVICE_TOKENS.keys())
def test_no_other_token_opens_a_route_for_services(
    client: AuthClient, method: str, path: str, token: Callable[[], str]
) -> None:
    assert client.send(method, path, token(), json=CREDENTIALS) == UNAUTHORIZED


@pytest.mark.parametrize(("method", "path"), requests_of(Guard.VIEWER))
@pytest.mark.parametrize("bad", BAD_ACCESS_TOKENS.values(), ids=BAD_ACCESS_TOKENS.keys())
def test_no_other_token_opens_a_route_for_admins(
    client: AuthClient, method: str, path: str, bad: Callable[[Forge], str]
) -> None:
    before = client.login()
    [key] = client.send("GET", KEYS).document["keys"]
    assert client.send(method, path, bad(Forge(key["kid"], "auth")), json={}) == UNAUTHORIZED
    assert client.send(method, path, service_token(), json={}) == UNAUTHORIZED
    assert client.admin(before, "GET", "/api/admin/me").status == 200


@pytest.mark.parametrize("role", ["viewer", "editor", "owner"])
def test_whoever_is_signed_in_may_do_what_is_one_s_own(client: AuthClient, role: Any) -> None:
    client.auth.store.admins.add(an_admin(id="admin-2", username="grace", role=role, password_hash=GRACES_HASH))
    sign_in = client.login(username="grace")
    answers = [client.admin(sign_in, method, path, {}).status for method, path in requests_of(Guard.VIEWER)[::-1]]
    assert answers == [400, 200, 204]
