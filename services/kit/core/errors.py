"""The errors that become HTTP responses.

ServiceError
 + Invalid 400        + Unauthorized 401   + Forbidden 403     + NotFound 404
 + Conflict 409       + Gone 410           + PreconditionFailed 412
 + TooManyRequests 429
 + Unavailable 503    + UpstreamTimeout 504
    + NoWrites
       + ReadOnly      + DiskFull

A service subclasses one of them and names its code: ``class SlugTaken(Conflict): code = "EVENT_SLUG_CONFLICT"``.
The kit defines the status, the service the code and the message.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

# Before Python 3.12 pydantic does not support the standard library's TypedDict.
from typing_extensions import TypedDict


class ServiceError(Exception):
    """A response other than success, in the error envelope of docs/contract/BEHAVIOUR.md.

    `extra` holds further members of the envelope; `retry_after`, in seconds, becomes the Retry-After header. `members`
    is the TypedDict of `extra` for the published document, where the error always has some.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"
    message: ClassVar[str] = "Something went wrong on our side"
    members: ClassVar[type | None] = None

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
        """Return the body of the error response."""
        return {"error": self.code, "message": str(self), "requestId": request_id, **self.extra}


class Invalid(ServiceError):
    """The request breaks a rule."""

    status = 400


class ValidationDetails(TypedDict):
    """The errors of the request as a whole, and those of each field."""

    formErrors: list[str]
    fieldErrors: dict[str, list[str]]


class ValidationMembers(TypedDict):
    """The further members of a VALIDATION_ERROR."""

    details: ValidationDetails


class ValidationFailed(Invalid):
    """The request breaks its schema; `details` names each wrong field."""

    code = "VALIDATION_ERROR"
    message = "The request is not valid"
    members = ValidationMembers

    def __init__(
        self,
        field_errors: Mapping[str, Sequence[str]] | None = None,
        form_errors: Sequence[str] = (),
    ):
        self.field_errors = dict(field_errors or {})
        details = {"formErrors": list(form_errors), "fieldErrors": self.field_errors}
        super().__init__(extra={"details": details})


class RequestError(Invalid):
    """The body is not JSON."""

    code = "REQUEST_ERROR"
    message = "The body is not valid JSON"


class UnsupportedMedia(RequestError):
    """The body is of a type other than application/json, in a charset other than UTF-8, or has a content coding."""

    status = 415
    message = "The body must be application/json"


class UnsupportedCoding(UnsupportedMedia):
    """The body has a content coding, such as gzip; the response names the accepted one (RFC 9110 section 15.5.16)."""


class RequestTimeout(RequestError):
    """The body did not arrive before its deadline (RFC 9110 section 15.5.9)."""

    status = 408
    message = "The body took too long to arrive"


class PayloadTooLarge(ServiceError):
    """The body is longer than the limit."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"
    message = "The body is larger than 1 MiB"


class Unauthorized(ServiceError):
    """The token is missing, malformed, expired or forged."""

    status = 401
    code = "UNAUTHORIZED"
    message = "A valid bearer token is required"


class Forbidden(ServiceError):
    """The action is not allowed, for the role of the caller or for everyone."""

    status = 403
    code = "FORBIDDEN"
    message = "This is not allowed"


class NotFound(ServiceError):
    """The record does not exist, or the caller may not know that it does."""

    status = 404
    code = "NOT_FOUND"
    message = "There is nothing at this address"


class MethodNotAllowed(ServiceError):
    """The address exists and does not support this method."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    message = "This address does not take that method"


class Conflict(ServiceError):
    """The change contradicts what is stored."""

    status = 409


class Gone(ServiceError):
    """The record was removed for good."""

    status = 410


class PreconditionFailed(ServiceError):
    """The record has changed since the caller read it (RFC 9110 section 13.1.1)."""

    status = 412
    code = "PRECONDITION_FAILED"
    message = "It has been changed since: read it again, then repeat the change with its new ETag"


class Limit(NamedTuple):
    """A number of requests in a window of time, by a name that clients see."""

    policy: str
    quota: int
    window_seconds: int


class TooManyRequests(ServiceError):
    """The caller sends too many requests, against this limit."""

    status = 429
    code = "RATE_LIMITED"
    message = "Too many requests; try again later"

    def __init__(self, message: str | None = None, *, retry_after: int | None = None, limit: Limit | None = None):
        super().__init__(message, retry_after=retry_after)
        self.limit = limit


class Unavailable(ServiceError):
    """A service or the database does not respond."""

    status = 503
    code = "UPSTREAM_UNAVAILABLE"
    message = "A part of the system is not available; try again shortly"

    def __init__(self, message: str | None = None, *, retry_after: int = 1):
        super().__init__(message, retry_after=retry_after)


def too_many_waiting() -> Unavailable:
    """Return the refusal beyond a bound of waiting requests."""
    return Unavailable("Too many requests are waiting; try again shortly")


class NoWrites(Unavailable):
    """The database responds and takes no writes."""


class ReadOnly(NoWrites):
    """The database or its file is read-only, as after a failover to a standby."""

    message = "The database is read-only at present: everything can be read, nothing can be changed"


class DiskFull(NoWrites):
    """There is no room for another write."""

    message = "The disk of the database is full: everything can be read, nothing can be changed"


class UpstreamTimeout(ServiceError):
    """A service did not respond before the deadline."""

    status = 504
    code = "UPSTREAM_TIMEOUT"
    message = "A part of the system took too long; try again shortly"

    def __init__(self, message: str | None = None, *, retry_after: int = 1):
        super().__init__(message, retry_after=retry_after)
