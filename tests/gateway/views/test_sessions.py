"""gateway.views.sessions through the assembled app: what auth is asked, and what operators read of it."""

import pytest

from tests.gateway.door import REQUEST_ID, Door, access_token, asked_bodies, error, line

CREDENTIALS = {"username": "ada", "password": "canary-password"}


def test_a_sign_in_is_answered_by_auth_and_logged_with_the_name(door: Door) -> None:
    signed_in = {"accessToken": "canary-token", "tokenType": "Bearer", "user": {"id": "admin-1", "username": "ada"}}
    door.auth.answers("POST /internal/login", signed_in)

    answer = door.send("POST", "/api/admin/login", json=CREDENTIALS, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (200, signed_in)
    assert asked_bodies(door.auth.requests) == [("/internal/login", b'{"username":"ada","password":"canary-password"}')]
    assert door.lines == [
        line("admin_auth_succeeded", "/api/admin/login", username="ada"),
        line("kpi_auth_login", "/api/admin/login", success=True),
    ]
    assert "canary" not in door.everything_logged


@pytest.mark.parametrize(
    ("status", "code"), [(401, "INVALID_CREDENTIALS"), (400, "VALIDATION_ERROR"), (429, "RATE_LIMITED")]
)
def test_a_refused_sign_in_is_passed_on_whole_and_logged_with_its_reason(door: Door, status: int, code: str) -> None:
    door.auth.answers("POST /internal/login", error(code), status, Retry_After="7")

    answer = door.send("POST", "/api/admin/login", json=CREDENTIALS, headers=REQUEST_ID)

    assert (answer.status_code, answer.json(), answer.headers["Retry-After"]) == (status, error(code), "7")
    assert door.lines == [
        line("admin_auth_failed", "/api/admin/login", reason=code),
        line("kpi_auth_login", "/api/admin/login", success=False),
    ]
    assert "canary" not in door.everything_logged


def test_a_sign_in_that_auth_cannot_judge_is_no_failed_one(door: Door) -> None:
    door.auth.answers("POST /internal/login", error("INTERNAL_ERROR"), 500)

    answer = door.send("POST", "/api/admin/login", json=CREDENTIALS, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (500, error("INTERNAL_ERROR"))
    assert door.lines == [line("kpi_auth_login", "/api/admin/login", success=False)]


REFRESHING = {"refreshToken": "canary-refresh-token"}


def test_a_refresh_is_passed_on_and_logged_without_its_tokens(door: Door) -> None:
    going_on = {"accessToken": "canary-token", "refreshToken": "canary-next", "user": {"username": "ada"}}
    door.auth.answers("POST /internal/token/refresh", going_on)

    answer = door.send("POST", "/api/admin/token/refresh", json=REFRESHING, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (200, going_on)
    sent = [("/internal/token/refresh", b'{"refreshToken":"canary-refresh-token"}')]
    assert asked_bodies(door.auth.requests) == sent
    assert door.lines == [line("admin_token_refreshed", "/api/admin/token/refresh", username="ada")]
    assert "canary" not in door.everything_logged


@pytest.mark.parametrize(("status", "code"), [(401, "INVALID_REFRESH_TOKEN"), (400, "VALIDATION_ERROR")])
def test_a_refused_refresh_is_passed_on_whole_and_logged_with_its_reason(door: Door, status: int, code: str) -> None:
    door.auth.answers("POST /internal/token/refresh", error(code), status)

    answer = door.send("POST", "/api/admin/token/refresh", json=REFRESHING, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (status, error(code))
    assert door.lines == [line("admin_token_refused", "/api/admin/token/refresh", reason=code)]
    assert "canary" not in door.everything_logged


def test_a_refresh_that_auth_cannot_judge_is_no_refused_one(door: Door) -> None:
    door.auth.answers("POST /internal/token/refresh", error("UPSTREAM_UNAVAILABLE"), 503, Retry_After="1")

    answer = door.send("POST", "/api/admin/token/refresh", json=REFRESHING, headers=REQUEST_ID)

    assert (answer.status_code, answer.json(), answer.headers["Retry-After"]) == (
        503,
        error("UPSTREAM_UNAVAILABLE"),
        "1",
    )
    assert door.lines == []


def test_a_logout_goes_to_auth_with_the_admin_s_own_token_and_is_logged_with_the_name(door: Door) -> None:
    door.auth.answers("POST /api/admin/logout", status=204)

    answer = door.as_admin("POST", "/api/admin/logout", headers=REQUEST_ID)

    assert (answer.status_code, answer.content) == (204, b"")
    assert [request.headers["Authorization"] for request in door.auth.requests] == [f"Bearer {access_token()}"]
    assert door.lines == [line("admin_signed_out", "/api/admin/logout", username="ada")]


def test_a_logout_that_auth_refuses_is_no_logout(door: Door) -> None:
    door.auth.answers("POST /api/admin/logout", error("UNAUTHORIZED"), 401, WWW_Authenticate="Bearer")

    answer = door.as_admin("POST", "/api/admin/logout", headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (401, error("UNAUTHORIZED"))
    assert (answer.headers["WWW-Authenticate"], door.lines) == ("Bearer", [])


CHANGING = {"currentPassword": "canary-old", "newPassword": "canary-new"}


def test_a_changed_password_is_logged_with_the_name_and_without_the_password(door: Door) -> None:
    signed_in = {"accessToken": "canary-token", "user": {"username": "ada"}}
    door.auth.answers("POST /api/admin/me/password", signed_in)

    answer = door.as_admin("POST", "/api/admin/me/password", json=CHANGING, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (200, signed_in)
    assert door.lines == [line("admin_password_changed", "/api/admin/me/password", username="ada")]
    assert "canary" not in door.everything_logged


@pytest.mark.parametrize(
    ("status", "code"), [(401, "INVALID_CREDENTIALS"), (400, "VALIDATION_ERROR"), (429, "RATE_LIMITED")]
)
def test_a_password_that_is_not_changed_is_logged_with_the_reason(door: Door, status: int, code: str) -> None:
    door.auth.answers("POST /api/admin/me/password", error(code), status)

    answer = door.as_admin("POST", "/api/admin/me/password", json=CHANGING, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (status, error(code))
    assert door.lines == [line("admin_password_unchanged", "/api/admin/me/password", username="ada", reason=code)]
    assert "canary" not in door.everything_logged
