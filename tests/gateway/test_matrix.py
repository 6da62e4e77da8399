"""The matrix of who may do what at the gateway alone: whoever is refused is refused before any service is asked."""

import re
from collections.abc import Callable, Mapping

import httpx
import pytest
from joserfc.jwk import OKPKey

from gateway.app import create_app
from gateway.config import read_settings
from gateway.routes import PUBLIC_ROUTES
from services.kit.web.guards import Guard
from tests.contract.matrix import ADMINS, CALLERS, Operation, is_let_in, mounted
from tests.gateway.door import Door, access_token

OPERATIONS = mounted(create_app(read_settings({})))
GUARDS = {Operation(method, route.path): guard for route in PUBLIC_ROUTES for method, guard in route.guards.items()}
OTHER_EVENT_S_KEY = {"eventAccessKey": "the key of another event"}
TOKENS: Mapping[str, Callable[[], str]] = {
    **{role: lambda role=role: access_token(roles=[role]) for role in ADMINS},  # type: ignore[misc]
    "forged": lambda: access_token(OKPKey.generate_key("Ed25519")),
    "expired": lambda: access_token(exp=1_000_000_000),
    "wrong audience": lambda: access_token(aud=["content", "quiz", "auth"]),
}


def ask(door: Door, caller: str, operation: Operation) -> httpx.Response:
    """The answer to what the caller sends."""
    headers = {"Authorization": f"Bearer {TOKENS[caller]()}"} if caller in TOKENS else {}
    body = OTHER_EVENT_S_KEY if caller == "other event's key" else {}
    return door.send(operation.method, re.sub(r"\{[^}]*\}", "x", operation.path), headers=headers, json=body)


def test_no_operation_is_left_out() -> None:
    health = [Operation("GET", f"/health{part}") for part in ("", "/live", "/ready")]
    assert sorted([*GUARDS, *health]) == OPERATIONS
    assert len(GUARDS) * len(CALLERS) == 40 * 8


@pytest.mark.parametrize("operation", GUARDS, ids=lambda each: each.name)
def test_whoever_may_not_is_refused_before_any_service_is_asked(operation: Operation) -> None:
    came: dict[str, tuple[int | None, bool]] = {}
    for caller in CALLERS:
        door = Door()
        answer = ask(door, caller, operation)
        refused = answer.status_code if answer.status_code in (401, 403) else None
        came[caller] = (refused, door.asked != [])
        door.close()
    guard = GUARDS[operation]
    refusals = {caller: 403 if caller in ADMINS else 401 for caller in CALLERS}
    assert came == {
        caller: (None, True) if is_let_in(caller, guard) else (refusals[caller], False) for caller in CALLERS
    }


def test_the_table_asks_for_a_role_wherever_something_is_written() -> None:
    for operation, guard in GUARDS.items():
        is_ones_own = operation.path in ("/api/admin/logout", "/api/admin/me/password")
        if operation.method != "GET" and guard is not Guard.OPEN and not is_ones_own:
            assert guard in (Guard.EDITOR, Guard.OWNER), operation
        if operation.path.startswith("/api/admin/users"):
            assert guard is Guard.OWNER
