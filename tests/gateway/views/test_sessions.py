"""gateway.views.sessions: what auth is asked and what operators read of it."""

from typing import NamedTuple

import pytest

from tests.gateway.fakes import Gateway, access_token, log_line, parsed, service_error


class Call(NamedTuple):
    """A public address, auth's target, the events of a success and of a refusal, and the event of both."""

    address: str
    target: str
    succeeded: str
    refused: str
    always: str | None = None


LOGIN = Call("/api/admin/login", "/internal/login", "admin_auth_succeeded", "admin_auth_failed", "kpi_auth_login")
REFRESH = Call("/api/admin/token/refresh", "/internal/token/refresh", "admin_token_refreshed", "admin_token_refused")
CHANGE = Call("/api/admin/me/password", "/api/admin/me/password", "admin_password_changed", "admin_password_unchanged")
calls = pytest.mark.parametrize("call", [LOGIN, REFRESH, CHANGE], ids=lambda call: call.address)
BODY = {"username": "ada", "password": "canary-password", "refreshToken": "canary-token", "newPassword": "canary-new"}


def kpi(call: Call, success: bool) -> list[dict[str, object]]:
    """Return the line that every call of the address writes."""
    return [log_line(call.always, call.address, success=success)] if call.always else []


@calls
def test_a_success_is_passed_on_and_logged_without_secrets(gateway: Gateway, call: Call) -> None:
    tokens = {"accessToken": "canary-token", "refreshToken": "canary-next", "user": {"id": "1", "username": "ada"}}
    gateway.auth.responds(f"POST {call.target}", tokens)
    assert parsed(gateway.as_admin("POST", call.address, json=BODY)) == (200, tokens)
    assert gateway.auth.targets == [f"POST {call.target}"]
    assert b"canary-password" in gateway.auth.bodies[0]
    assert gateway.lines == [log_line(call.succeeded, call.address, username="ada"), *kpi(call, True)]
    assert "canary" not in gateway.log


@calls
@pytest.mark.parametrize(
    ("status", "code"), [(401, "INVALID_CREDENTIALS"), (400, "VALIDATION_ERROR"), (429, "RATE_LIMITED")]
)
def test_a_refusal_is_passed_on_and_logged_with_its_code(gateway: Gateway, call: Call, status: int, code: str) -> None:
    gateway.auth.responds(f"POST {call.target}", service_error(code), status, Retry_After="7")
    response = gateway.as_admin("POST", call.address, json=BODY)
    assert (parsed(response), response.headers["Retry-After"]) == ((status, service_error(code)), "7")
    name = {"username": "ada"} if call is CHANGE else {}
    assert gateway.lines == [log_line(call.refused, call.address, reason=code, **name), *kpi(call, False)]
    assert "canary" not in gateway.log


@calls
def test_a_failure_of_auth_is_no_refusal(gateway: Gateway, call: Call) -> None:
    gateway.auth.responds(f"POST {call.target}", service_error("INTERNAL_ERROR"), 500)
    assert parsed(gateway.as_admin("POST", call.address, json=BODY)) == (500, service_error("INTERNAL_ERROR"))
    assert gateway.lines == kpi(call, False)


def test_a_logout_goes_to_auth_with_the_admin_s_token(gateway: Gateway) -> None:
    gateway.auth.responds("POST /api/admin/logout", status=204)
    assert parsed(gateway.as_admin("POST", "/api/admin/logout")) == (204, None)
    assert gateway.auth.header("Authorization") == [f"Bearer {access_token()}"]
    assert gateway.lines == [log_line("admin_signed_out", "/api/admin/logout", username="ada")]


def test_a_refused_logout_is_not_logged_as_one(gateway: Gateway) -> None:
    gateway.auth.responds("POST /api/admin/logout", service_error("UNAUTHORIZED"), 401, WWW_Authenticate="Bearer")
    response = gateway.as_admin("POST", "/api/admin/logout")
    assert parsed(response) == (401, service_error("UNAUTHORIZED"))
    assert (response.headers["WWW-Authenticate"], gateway.lines) == ("Bearer", [])
