"""Who may do what at the gateway: whoever is refused is refused before any service is called."""

import re
from collections.abc import Iterator

import pytest
from joserfc.jwk import OKPKey

from gateway.app import create_app
from gateway.config import read_settings
from gateway.routes import PUBLIC_ROUTES
from services.kit.web.guards import Guard
from tests.contract.matrix import ADMINS, CALLERS, Operation, is_let_in, mounted
from tests.gateway.fakes import FORBIDDEN, UNAUTHORIZED, Gateway, access_token

GUARDS = {Operation(method, route.path): guard for route in PUBLIC_ROUTES for method, guard in route.guards.items()}
# What is not below /api the gateway answers by itself.
API = [each for each in GUARDS if each.path.startswith("/api/")]
TOKENS = {
    **{role: access_token(roles=[role]) for role in ADMINS},
    "forged": access_token(OKPKey.generate_key("Ed25519")),
    "expired": access_token(exp=1_000_000_000),
    "wrong audience": access_token(aud=["content", "quiz", "auth"]),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Gateway]:
    """One gateway for every operation: it remembers nothing but its counts."""
    opened = Gateway()
    yield opened
    opened.close()


def test_every_mounted_operation_is_in_the_table() -> None:
    assert sorted(GUARDS) == mounted(create_app(read_settings({})))


@pytest.mark.parametrize("operation", API, ids=lambda each: each.name)
def test_a_refused_caller_reaches_no_service(shared: Gateway, operation: Operation) -> None:
    for caller in CALLERS:
        before = len(shared.targets)
        headers = {"Authorization": f"Bearer {TOKENS[caller]}"} if caller in TOKENS else {}
        body = {"eventAccessKey": "the key of another event"} if caller == "other event's key" else {}
        address = re.sub(r"\{[^}]*\}", "x", operation.path)
        response = shared.send(operation.method, address, headers=headers, json=body)
        called = len(shared.targets) > before
        if is_let_in(caller, GUARDS[operation]):
            assert (response.status_code in (401, 403), called) == (False, True), caller
        else:
            assert (response.json(), called) == (FORBIDDEN if caller in ADMINS else UNAUTHORIZED, False), caller
            assert response.headers.get("WWW-Authenticate") == (None if caller in ADMINS else "Bearer")


def test_whatever_writes_asks_for_a_role() -> None:
    own_account = ("/api/admin/logout", "/api/admin/me/password")
    writing = [each for each, guard in GUARDS.items() if each.method != "GET" and guard is not Guard.OPEN]
    assert {GUARDS[each] for each in writing if each.path not in own_account} == {Guard.EDITOR, Guard.OWNER}
    assert {guard for each, guard in GUARDS.items() if each.path.startswith("/api/admin/users")} == {Guard.OWNER}
