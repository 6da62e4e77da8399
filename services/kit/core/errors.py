"""The errors a service may answer with.

ServiceError
 + Invalid 400        + Unauthorized 401   + Forbidden 403     + NotFound 404
 + Conflict 409       + Gone 410           + PreconditionFailed 412
 + TooManyRequests 429
 + Unavailable 503    + UpstreamTimeout 504

A domain subclasses one of them and names its code: ``class SlugTaken(Conflict): code = "EVENT_SLUG_CONFLICT"``.
The status belongs to the kit, the code and the message to the domain.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class ServiceError(Exception):
    """An answer other than success: `code` and the message go into the error envelope of the contract.

    `extra` holds further members of the envelope; `retry_after` is in seconds and becomes the Retry-After header.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"
    message: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        message: str | None = None,
        *,
        extra: Mapping[str, object] | None = None,
        retry_after: int | None = None,
    ):
        super().__init__(message or self.message)
        self.extra = dict(extra or {})
        self.retry_after = retry_after

    def envelope(self, request_id: str) -> dict[str, object]:
        """The contract's error body."""
        return {"error": self.code, "message": str(self), "requestId": request_id, **self.extra}


class Invalid(ServiceError):
    """The request breaks a rule."""

    status = 400


class ValidationFailed(Invalid):
    """The request breaks its schema; each field that does is named."""

    code = "VALIDATION_ERROR"
    message = "The request is not valid"

    def __init__(
        self,
        field_errors: Mapping[str, Sequence[str]] | None = None,
        form_errors: Sequence[str] = (),
    ):
        details = {"formErrors": list(form_errors), "fieldErrors": dict(field_errors or {})}
        super().__init__(extra={"details": details})


class RequestError(Invalid):
    """The body cannot be read as JSON at all."""

    code = "REQUEST_ERROR"
    message = "The body is not valid JSON"


class UnsupportedMedia(RequestError):
    """The body is of a type other than application/json."""

    status = 415
    message = "The body must be application/json"


class RequestTimeout(RequestError):
    """The body takes longer to come than the service waits for one (RFC 9110 section 15.5.9)."""

    status = 408
    message = "The body took too long to arrive"


class PayloadTooLarge(ServiceError):
    """The body is longer than the service reads."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"
    message = "The body is larger than 1 MiB"


class Unauthorized(ServiceError):
    """The token is missing, malformed, expired or forged."""

    status = 401
    code = "UNAUTHORIZED"
    message = "A valid bearer token is required"


class Forbidden(ServiceError):
    """The caller is known, or does not matter, and may not do this."""

    status = 403
    code = "FORBIDDEN"
    message = "This is not allowed"


class NotFound(ServiceError):
    """There is no such thing, or the caller may not know of it."""

    status = 404
    code = "NOT_FOUND"
    message = "There is nothing at this address"


class MethodNotAllowed(ServiceError):
    """The address exists and does not take this method."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    message = "This address does not take that method"


class Conflict(ServiceError):
    """The change contradicts what is stored."""

    status = 409


class Gone(ServiceError):
    """What was there is there no more, and will not come back."""

    status = 410


class PreconditionFailed(ServiceError):
    """The record is not as the caller believes it to be (RFC 9110 section 13.1.1); nothing was changed."""

    status = 412
    code = "PRECONDITION_FAILED"
    message = "It has been changed since: read it again, then repeat the change with its new ETag"


class TooManyRequests(ServiceError):
    """The caller must slow down; `retry_after` says for how many seconds."""

    status = 429
    code = "RATE_LIMITED"
    message = "Too many requests; try again later"


class Unavailable(ServiceError):
    """A service or database that is needed does not answer now."""

    status = 503
    code = "UPSTREAM_UNAVAILABLE"
    message = "A part of the system is not available; try again shortly"

    def __init__(self, message: str | None = None, *, retry_after: int = 1):
        super().__init__(message, retry_after=retry_after)


class UpstreamTimeout(ServiceError):
    """A service that is needed took longer than its deadline."""

    status = 504
    code = "UPSTREAM_TIMEOUT"
    message = "A part of the system took too long; try again shortly"

    def __init__(self, message: str | None = None, *, retry_after: int = 1):
        super().__init__(message, retry_after=retry_after)
