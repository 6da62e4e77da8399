"""The error responses of an operation: those of its own, and those that follow from its kind."""

from collections.abc import Iterable, Sequence

from deploy.openapi.operations import PublicOperation
from deploy.openapi.schemas import COMPONENTS, Json, Schemas
from services.kit.core.errors import (
    Forbidden,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    RequestError,
    RequestTimeout,
    ServiceError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
    UpstreamTimeout,
    ValidationFailed,
)
from services.kit.web.guards import Guard
from services.kit.web.idempotency import KeyInFlight, KeyReused

Errors = Sequence[type[ServiceError]]


class AddressTooLong(RequestError):
    """The address is too long."""

    status = 414


class HeadersTooLarge(RequestError):
    """The headers are too many or too long."""

    status = 431


class InternalError(ServiceError):
    """Something went wrong on our side; the id of the request finds it in the log."""


RATE_LIMIT_HEADERS = ("RateLimit", "RateLimit-Policy")
# Responses to these name the seconds after which a retry makes sense.
WITH_RETRY_AFTER = (TooManyRequests, Unavailable, UpstreamTimeout, KeyInFlight)


def refusals(operation: PublicOperation) -> dict[int, Errors]:
    """Return the errors of the operation by status: its own first, each by name."""
    # Two services can have an error of the same name and code.
    errors = {(error.__name__, error.code): error for error in (*operation.errors, *_errors_of_kind(operation))}
    by_status: dict[int, list[type[ServiceError]]] = {}
    for error in sorted(errors.values(), key=lambda each: (_is_of_kit(each), each.__name__)):
        by_status.setdefault(error.status, []).append(error)
    return dict(sorted(by_status.items()))


def response_name(errors: Errors) -> str:
    """Return the name of the response with these errors, as EventNotFoundOrNotFound."""
    return "Or".join(error.__name__ for error in errors)


def response(errors: Errors) -> Json:
    """Return the response with these errors, which share a status."""
    headers = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
    if Unauthorized in errors:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WWWAuthenticate"}
    with_retry = [issubclass(error, WITH_RETRY_AFTER) for error in errors]
    if any(with_retry):
        name = "RetryAfter" if all(with_retry) else "SometimesRetryAfter"
        headers["Retry-After"] = {"$ref": f"#/components/headers/{name}"}
    if any(issubclass(error, TooManyRequests) for error in errors):
        headers |= {name: {"$ref": f"#/components/headers/{name.replace('-', '')}"} for name in RATE_LIMIT_HEADERS}
    return {
        "description": _description(errors),
        "headers": headers,
        "content": {"application/json": {"schema": _schema(errors)}},
    }


def error_schemas(responses: Iterable[Errors], schemas: Schemas, envelope: Json) -> Json:
    """Return the schemas of the errors of these responses by their names: the envelope with the codes it may have.

    Errors that have more members than the envelope have a schema each; the others of a response share one.
    """
    found: Json = {}
    for errors in responses:
        for each in _alternatives(errors):
            members = schemas.resolved(schemas.reference(each[0].members)) if each[0].members else {}
            code = {"error": {"type": "string", "enum": _codes(each)}}
            found[_schema_name(each)] = {
                "type": "object",
                "description": f"The envelope of {' and '.join(_codes(each))}.",
                "required": [*envelope["required"], *members.get("required", ())],
                "properties": {**envelope["properties"], **code, **members.get("properties", {})},
            }
    return found


def _errors_of_kind(operation: PublicOperation) -> list[type[ServiceError]]:
    declared = operation.declared
    # gunicorn refuses the last three before the gateway sees the request; 403 is for pages of origins not allowed.
    errors: list[type[ServiceError]] = [Forbidden, AddressTooLong, HeadersTooLarge, InternalError, Unavailable]
    # Health checks have no rate limit, and the gateway answers what is not below /api by itself.
    if not operation.path.startswith("/health"):
        errors.append(TooManyRequests)
    if operation.path.startswith("/api/"):
        errors.append(UpstreamTimeout)
    if operation.guard is not Guard.OPEN:
        errors.append(Unauthorized)
    if operation.path_parameters:
        errors.append(NotFound)
    if operation.bodies:
        errors += (RequestTimeout, PayloadTooLarge, UnsupportedMedia)
    if declared.takes_if_match:
        errors.append(PreconditionFailed)
    if declared.takes_idempotency_key:
        errors += (KeyInFlight, KeyReused)
    takes_header = declared.takes_if_match or declared.takes_idempotency_key
    if operation.bodies or declared.query or declared.is_paged or takes_header:
        errors += (ValidationFailed, RequestError)
    elif operation.is_read_form:
        # Of a query parameter: an access key does not belong into an address.
        errors.append(ValidationFailed)
    return errors


def _is_of_kit(error: type[ServiceError]) -> bool:
    return error.__module__.startswith("services.kit.")


def _description(errors: Errors) -> str:
    by_code: dict[str, list[str]] = {}
    for error in errors:
        by_code.setdefault(error.code, []).append(" ".join((error.__doc__ or "").split()))
    return " ".join(f"{code}: {' '.join(dict.fromkeys(texts))}" for code, texts in by_code.items())


def _schema(errors: Errors) -> Json:
    alternatives = _alternatives(errors)
    references = [{"$ref": COMPONENTS + _schema_name(each)} for each in alternatives]
    if len(references) == 1:
        return references[0]
    mapping = {code: COMPONENTS + _schema_name(each) for each in alternatives for code in _codes(each)}
    return {"oneOf": references, "discriminator": {"propertyName": "error", "mapping": mapping}}


def _alternatives(errors: Errors) -> list[Errors]:
    plain = [error for error in errors if not error.members]
    return [*([error] for error in errors if error.members), *([plain] if plain else [])]


def _codes(errors: Errors) -> list[str]:
    return list(dict.fromkeys(error.code for error in errors))


def _schema_name(errors: Errors) -> str:
    # ValidationError for VALIDATION_ERROR.
    return "Or".join("".join(word.capitalize() for word in code.split("_")) for code in _codes(errors))
