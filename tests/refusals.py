"""Responses as tests compare them, and the error responses that services and gateway share."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.matching import Matching

REQUEST_ID = "request-of-a-test"


class Response(NamedTuple):
    """The status and the document of a response; the document is None if there is no body."""

    status: int
    document: Any


def refusal(status: int, code: str, message: object, /, **more: Any) -> Response:
    """Return an error response for the request id above."""
    return Response(status, {"error": code, "message": message, "requestId": REQUEST_ID, **more})


def invalid(fields: Mapping[str, Sequence[object]] | None = None, form: Sequence[object] = ()) -> Response:
    """Return a validation error with these messages."""
    details = {"formErrors": list(form), "fieldErrors": {name: list(each) for name, each in (fields or {}).items()}}
    return refusal(400, "VALIDATION_ERROR", "The request is not valid", details=details)


UNAUTHORIZED = refusal(401, "UNAUTHORIZED", "A valid bearer token is required")
FORBIDDEN = refusal(403, "FORBIDDEN", "This is not allowed")
NOT_FOUND = refusal(404, "NOT_FOUND", "There is nothing at this address")
METHOD_NOT_ALLOWED = refusal(405, "METHOD_NOT_ALLOWED", "This address does not take that method")
INVALID_JSON = refusal(400, "REQUEST_ERROR", Matching("The body is not valid JSON: .+"))
NOT_JSON = refusal(415, "REQUEST_ERROR", "The body must be application/json")
TOO_LARGE = refusal(413, "PAYLOAD_TOO_LARGE", "The body is larger than 1 MiB")
EVENT_NOT_FOUND = refusal(404, "EVENT_NOT_FOUND", "Event not found")
LESSON_NOT_FOUND = refusal(404, "LESSON_NOT_FOUND", "Lesson not found")
