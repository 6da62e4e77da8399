"""Who may do what: every operation of the gateway and every caller, on running processes.

A caller who is refused asks for something that exists, in a way that would do harm; one who is let in asks for
something that does not, so that each cell shows how far the caller came and nothing changes.
"""

import re
from collections.abc import Mapping

import httpx
import pytest

from gateway.app import create_app
from gateway.config import read_settings
from gateway.routes import PUBLIC_ROUTES
from services.kit.web.guards import Guard
from tests.contract.matrix import ADMINS, CALLERS, Operation, is_let_in, mounted
from tests.contract.people import OWN, settled
from tests.contract.samples import ACCESS_KEY, UNKNOWN, Json, parsed, private_event
from tests.contract.scene import ACCESS, ACCESS_CHECK, CATALOG, NEEDS_BODY, PUBLIC_EVENT, Scene, is_for_learners
from tests.contract.tokens import Tokens
from tests.refusals import FORBIDDEN, UNAUTHORIZED, Response

OTHER_KEY = "the key of another event"


def documented(operation: Operation) -> str:
    """Return the operation's name in gateway/openapi.yaml."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), operation.name)


GUARDS: Mapping[str, Guard] = {
    **{documented(each): Guard.OPEN for each in mounted(create_app(read_settings({}))) if "/health" in each.path},
    **{
        documented(Operation(method, route.path)): guard
        for route in PUBLIC_ROUTES
        for method, guard in route.guards.items()
    },
}
OF_EVENT = (CATALOG, ACCESS, f"GET {PUBLIC_EVENT}", CATALOG.replace("POST", "GET"))
CHECKS = (ACCESS_CHECK, ACCESS_CHECK.replace("POST", "GET"))
# Nothing opens that of a private event.
CALENDAR = f"GET {PUBLIC_EVENT}/calendar.ics"
NAMES_EVENT = [each for each in GUARDS if is_for_learners(each) and "{" in each and each != CALENDAR]
MISSING = {
    "eventId": "EVENT_NOT_FOUND",
    "quizId": "QUIZ_NOT_FOUND",
    "userId": "ADMIN_NOT_FOUND",
    "file": "NOT_FOUND",
}


class Callers:
    """A private event with all that belongs to it, another one, and a caller of each kind."""

    def __init__(self, admin: httpx.Client, learner: httpx.Client, tokens: Tokens):
        self.scene = Scene(admin, learner, visibility="private", accessKey=ACCESS_KEY)
        self.tokens = tokens
        private_event(admin, accessKey=OTHER_KEY)
        self.people = {role: settled(admin, learner, role) for role in ADMINS}

    def request(self, caller: str, operation: str) -> httpx.Response:
        """Send the caller's request."""
        let_in, is_learners = is_let_in(caller, GUARDS[operation]), is_for_learners(operation)
        body: Json = {} if let_in and not is_learners else self.scene.valid_body(operation) or {}
        if caller == "other event's key":
            body = {**body, "eventAccessKey": OTHER_KEY}
        token = self.token(caller, operation)
        return self.scene.request(
            operation,
            self.scene.learner,
            dict.fromkeys((*self.scene.ids, "file"), UNKNOWN) if let_in and not is_learners else {},
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
            json=None if operation.startswith(("GET", "DELETE")) else body,
        )

    def token(self, caller: str, operation: str) -> str | None:
        """Return the caller's token."""
        match caller:
            case "anonymous" | "other event's key":
                return None
            case "forged":
                return self.tokens.of_another_key()
            case "expired":
                return self.tokens.access_token(exp=1_000_000_000)
            case "wrong audience":
                return self.tokens.access_token(aud=["content", "quiz", "auth"])
        person, signed_in = self.people[caller]
        if operation.endswith("/logout"):
            # It ends its session: take another one.
            credentials = {"username": person["username"], "password": OWN}
            signed_in = self.scene.learner.post("/api/admin/login", json=credentials).json()
        return str(signed_in["accessToken"])


@pytest.fixture(scope="module")
def callers(admin: httpx.Client, learner: httpx.Client, tokens: Tokens) -> Callers:
    """One private event and one caller of each kind for all cells."""
    return Callers(admin, learner, tokens)


def expected(caller: str, operation: str) -> Response:
    """Return a refusal, or how an operation answers who is let in and names nothing that exists."""
    if not is_let_in(caller, GUARDS[operation]):
        return FORBIDDEN if caller in ADMINS else UNAUTHORIZED
    named = re.search(r"\{(\w+)\}", operation)
    if operation == CALENDAR:
        return Response(404, "EVENT_NOT_FOUND")
    if operation in NAMES_EVENT:
        denied = "EVENT_ACCESS_DENIED" if operation in OF_EVENT else "LESSON_ACCESS_DENIED"
        return Response(200, None) if operation in CHECKS else Response(403, denied)
    if NEEDS_BODY.get(operation):
        return Response(400, "VALIDATION_ERROR")
    if named:
        return Response(404, MISSING[named[1]])
    return Response(204 if operation.endswith("/logout") else 200, None)


def actual(response: httpx.Response) -> Response:
    """Return the whole refusal, or how far the caller came."""
    if response.status_code in (401, 403) and response.json()["error"] in ("UNAUTHORIZED", "FORBIDDEN"):
        return parsed(response)
    is_json = response.headers.get("Content-Type") == "application/json"
    return Response(response.status_code, response.json().get("error") if is_json else None)


def test_the_matrix_covers_every_mounted_operation() -> None:
    assert {*GUARDS} == {documented(each) for each in mounted(create_app(read_settings({})))}
    # No rule of this file may have made all cells alike.
    cells = [expected(caller, operation) for operation in GUARDS for caller in CALLERS]
    assert cells.count(FORBIDDEN) > 20
    assert cells.count(UNAUTHORIZED) > 100
    assert len(cells) - cells.count(UNAUTHORIZED) - cells.count(FORBIDDEN) > 100


@pytest.mark.parametrize("operation", GUARDS)
def test_each_caller_comes_as_far_as_the_table_says(callers: Callers, operation: str) -> None:
    before = callers.scene.state()
    responses = {caller: callers.request(caller, operation) for caller in CALLERS}
    assert {caller: actual(response) for caller, response in responses.items()} == {
        caller: expected(caller, operation) for caller in CALLERS
    }
    assert callers.scene.state() == before


def test_the_event_s_own_key_opens_what_another_key_does_not(callers: Callers) -> None:
    scene = callers.scene
    for operation in NAMES_EVENT:
        body = {**(scene.valid_body(operation) or {}), "eventAccessKey": ACCESS_KEY}
        # GET takes no key, wherever it is.
        status = 403 if operation.startswith("GET") and operation not in CHECKS else 200
        assert scene.request(operation, json=body).status_code == status, operation
    assert len(NAMES_EVENT) > 10
