"""Sign-in, token refresh, sign-out and password change: forwarded to auth and logged."""

from gateway.sources import Service, Source, declared_by
from gateway.upstream import HTTP_NO_CONTENT, HTTP_OK, UpstreamRequest, UpstreamResponse
from gateway.upstreams import Upstreams
from gateway.views.results import CLIENT_GONE, count_result
from services.kit.core.actor import current_actor
from services.kit.core.errors import ServiceError, TooManyRequests
from services.kit.core.logging import log
from services.kit.core.metrics import Counter

SIGN_IN_RESULTS = ("succeeded", "refused", "limited", "failed", CLIENT_GONE)
SIGN_INS = Counter("flix_sign_ins", "Sign-ins", ("result",), [(each,) for each in SIGN_IN_RESULTS])
LOGIN = "/internal/login"
TOKEN_REFRESH = "/internal/token/refresh"  # noqa: S105


@declared_by(Source(Service.AUTH, "POST", LOGIN))
async def login(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Exchange credentials for an access token and a refresh token."""
    call = upstreams.auth.call("POST", LOGIN, request)
    response = await count_result(SIGN_INS, call, lambda response: _result(response.status), _result)
    if response.status == HTTP_OK:
        log.info("admin_auth_succeeded", username=response.document["user"]["username"])
    elif response.status < ServiceError.status:
        log.info("admin_auth_failed", reason=response.document["error"])
    log.info("kpi_auth_login", success=response.status == HTTP_OK)
    return response


@declared_by(Source(Service.AUTH, "POST", TOKEN_REFRESH))
async def refresh_token(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Exchange a refresh token for an access token and the next refresh token."""
    response = await upstreams.auth.call("POST", TOKEN_REFRESH, request)
    if response.status == HTTP_OK:
        log.info("admin_token_refreshed", username=response.document["user"]["username"])
    elif response.status < ServiceError.status:
        log.info("admin_token_refused", reason=response.document["error"])
    return response


@declared_by(Source(Service.AUTH, "POST", "/api/admin/logout"))
async def logout(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """End the session of the access token."""
    response = await upstreams.auth.forward(request)
    if response.status == HTTP_NO_CONTENT:
        log.info("admin_signed_out", username=current_actor().name)
    return response


@declared_by(Source(Service.AUTH, "POST", "/api/admin/me/password"))
async def change_password(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Change the caller's own password, which ends every session and begins another."""
    response = await upstreams.auth.forward(request)
    if response.status == HTTP_OK:
        log.info("admin_password_changed", username=current_actor().name)
    elif response.status < ServiceError.status:
        log.info("admin_password_unchanged", username=current_actor().name, reason=response.document["error"])
    return response


def _result(status: int) -> str:
    if status == HTTP_OK:
        return "succeeded"
    if status == TooManyRequests.status:
        return "limited"
    return "refused" if status < ServiceError.status else "failed"
