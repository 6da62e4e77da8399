"""services.kit.core.errors: the status and the code of each error, and the envelope."""

import pytest

from services.kit.core import errors
from services.kit.core.errors import Conflict, ServiceError, Unavailable, UpstreamTimeout, ValidationFailed

# docs/contract/BEHAVIOUR.md, "Envelope, errors, configuration".
CONTRACT = {
    errors.ServiceError: (500, "INTERNAL_ERROR"),
    errors.ValidationFailed: (400, "VALIDATION_ERROR"),
    errors.RequestError: (400, "REQUEST_ERROR"),
    errors.UnsupportedMedia: (415, "REQUEST_ERROR"),
    errors.RequestTimeout: (408, "REQUEST_ERROR"),
    errors.PayloadTooLarge: (413, "PAYLOAD_TOO_LARGE"),
    errors.Unauthorized: (401, "UNAUTHORIZED"),
    errors.Forbidden: (403, "FORBIDDEN"),
    errors.NotFound: (404, "NOT_FOUND"),
    errors.MethodNotAllowed: (405, "METHOD_NOT_ALLOWED"),
    errors.PreconditionFailed: (412, "PRECONDITION_FAILED"),
    errors.TooManyRequests: (429, "RATE_LIMITED"),
    errors.Unavailable: (503, "UPSTREAM_UNAVAILABLE"),
    errors.UpstreamTimeout: (504, "UPSTREAM_TIMEOUT"),
}


@pytest.mark.parametrize(("error", "expected"), CONTRACT.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_each_error_has_the_contract_s_status_code_and_envelope(
    error: type[ServiceError], expected: tuple[int, str]
) -> None:
    raised = error()
    assert (raised.status, raised.code) == expected
    envelope = raised.envelope("request-1")
    assert envelope.pop("details", None) == raised.extra.get("details")
    assert envelope == {"error": raised.code, "message": str(raised), "requestId": "request-1"}
    assert str(raised)


def test_a_service_s_error_names_its_code_and_keeps_the_status() -> None:
    class SlugTaken(Conflict):
        code = "EVENT_SLUG_CONFLICT"

    raised = SlugTaken("It is taken", extra={"status": "locked"})

    expected = {"error": "EVENT_SLUG_CONFLICT", "message": "It is taken", "requestId": "r", "status": "locked"}
    assert (raised.status, raised.envelope("r")) == (409, expected)


def test_a_validation_error_has_details_of_the_form_and_of_each_field() -> None:
    assert ValidationFailed({"title": ["is required"]}, ["is not an object"]).extra == {
        "details": {"formErrors": ["is not an object"], "fieldErrors": {"title": ["is required"]}}
    }
    assert ValidationFailed().extra == {"details": {"formErrors": [], "fieldErrors": {}}}


@pytest.mark.parametrize("error", [Unavailable, UpstreamTimeout])
def test_what_is_unavailable_may_be_tried_again(error: type[Unavailable]) -> None:
    assert (error().retry_after, error("Busy", retry_after=7).retry_after) == (1, 7)
    assert ServiceError().retry_after is None
