"""Signing in, staying so, and signing out: answered by auth, and told to the log."""

from gateway.upstream import HTTP_NO_CONTENT, HTTP_OK, Answer, Sent, Upstreams
from services.kit.core.actor import current_actor
from services.kit.core.errors import ServiceError
from services.kit.core.logging import log


async def login(upstreams: Upstreams, sent: Sent) -> Answer:
    """Exchange credentials for an access token."""
    answer = await upstreams.auth.call("POST", "/internal/login", sent)
    if answer.status == HTTP_OK:
        log.info("admin_auth_succeeded", username=answer.document()["user"]["username"])
    elif answer.status < ServiceError.status:
        log.info("admin_auth_failed", reason=answer.document()["error"])
    log.info("kpi_auth_login", success=answer.status == HTTP_OK)
    return answer


async def refresh_token(upstreams: Upstreams, sent: Sent) -> Answer:
    """Exchange a refresh token for an access token and the next refresh token."""
    answer = await upstreams.auth.call("POST", "/internal/token/refresh", sent)
    if answer.status == HTTP_OK:
        log.info("admin_token_refreshed", username=answer.document()["user"]["username"])
    elif answer.status < ServiceError.status:
        log.info("admin_token_refused", reason=answer.document()["error"])
    return answer


async def logout(upstreams: Upstreams, sent: Sent) -> Answer:
    """End the session of the access token."""
    answer = await upstreams.auth.forward(sent)
    if answer.status == HTTP_NO_CONTENT:
        log.info("admin_signed_out", username=current_actor().name)
    return answer


async def change_password(upstreams: Upstreams, sent: Sent) -> Answer:
    """Change one's password, which ends every session and begins another."""
    answer = await upstreams.auth.forward(sent)
    if answer.status == HTTP_OK:
        log.info("admin_password_changed", username=current_actor().name)
    elif answer.status < ServiceError.status:
        log.info("admin_password_unchanged", username=current_actor().name, reason=answer.document()["error"])
    return answer
