"""The error responses of an operation: those of its own, and those that follow from its kind."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


class AddressTooLong(RequestError):
    """The address is too long."""

    status = 414


class HeadersTooLarge(RequestError):
    """The headers are too many or too long."""

    status = 431


# gunicorn refuses these before the gateway sees the request; the first is for pages of origins that are not allowed.
ALWAYS: Sequence[type[ServiceError]] = (Forbidden, AddressTooLong, HeadersTooLarge)
UNLESS_HEALTH_CHECK: Sequence[type[ServiceError]] = (TooManyRequests, Unavailable, UpstreamTimeout)
WITH_BODY: Sequence[type[ServiceError]] = (RequestTimeout, PayloadTooLarge, UnsupportedMedia)
BAD_REQUEST: Sequence[type[ServiceError]] = (ValidationFailed, RequestError)
# Responses to these name the seconds after which a retry makes sense.
WITH_RETRY_AFTER = (TooManyRequests, Unavailable, UpstreamTimeout, KeyInFlight)


class Refusals:
    """The components/responses of errors, and a reference for each set of errors that shares a status."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], str] = {}
        self.components: Json = {}

    def responses(self, operation: PublicOperation) -> Json:
        """Return the error responses of the operation by status."""
        by_status: dict[int, list[type[ServiceError]]] = {}
        # Two services can have an error of the same name and code.
        errors = {(error.__name__, error.code): error for error in (*operation.errors, *errors_of_kind(operation))}
        for error in sorted(errors.values(), key=_is_of_kit):
            by_status.setdefault(error.status, []).append(error)
        return {str(status): self._reference(tuple(errors)) for status, errors in by_status.items()}

    def _reference(self, errors: tuple[type[ServiceError], ...]) -> Json:
        key = tuple(sorted(error.__name__ for error in errors))
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._new_name(errors)
            self.components[name] = self._response(errors)
        return {"$ref": f"#/components/responses/{name}"}

    def _new_name(self, errors: tuple[type[ServiceError], ...]) -> str:
        if errors == tuple(BAD_REQUEST):
            return "BadRequest"
        own = [error.__name__ for error in errors if not _is_of_kit(error)]
        names = "Or".join(own or [error.__name__ for error in errors])
        # The same errors of a service, once with those of the kit and once without.
        return names if names not in self.components else names + ("OrOthers" if len(own) < len(errors) else "Only")

    def _response(self, errors: Sequence[type[ServiceError]]) -> Json:
        headers = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
        if issubclass(errors[0], Unauthorized):
            headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WWWAuthenticate"}
        if any(issubclass(error, WITH_RETRY_AFTER) for error in errors):
            always = all(issubclass(error, WITH_RETRY_AFTER) for error in errors)
            headers["Retry-After"] = {
                "$ref": f"#/components/headers/{'RetryAfter' if always else 'SometimesRetryAfter'}"
            }
        return {
            "description": " ".join(_described(errors)),
            "headers": headers,
            "content": {"application/json": {"schema": self._schema(errors)}},
        }

    def _schema(self, errors: Sequence[type[ServiceError]]) -> Json:
        plain = list(dict.fromkeys(error.code for error in errors if error.members is None))
        alternatives: list[Json] = [
            {"$ref": COMPONENTS + error_name(error)} for error in errors if error.members is not None
        ]
        if plain:
            alternatives.append(
                {"$ref": COMPONENTS + "Error", "properties": {"error": {"type": "string", "enum": plain}}}
            )
        return alternatives[0] if len(alternatives) == 1 else {"oneOf": alternatives}


def _is_of_kit(error: type[ServiceError]) -> bool:
    return error.__module__.startswith("services.kit.")


def errors_of_kind(operation: PublicOperation) -> list[type[ServiceError]]:
    """Return the errors that follow from what the operation is and takes."""
    declared = operation.declared
    errors = list(ALWAYS)
    if not operation.is_health_check:
        errors += UNLESS_HEALTH_CHECK
    if operation.guard is not Guard.OPEN:
        errors.append(Unauthorized)
    if operation.path_parameters:
        errors.append(NotFound)
    if operation.bodies:
        errors += WITH_BODY
    if declared.takes_if_match:
        errors.append(PreconditionFailed)
    if declared.takes_idempotency_key:
        errors += (KeyInFlight, KeyReused)
    takes = (
        operation.bodies,
        declared.query,
        declared.is_paged,
        declared.takes_if_match,
        declared.takes_idempotency_key,
    )
    if any(takes):
        errors += BAD_REQUEST
    return errors


def error_schemas(errors: Iterable[type[ServiceError]], schemas: Schemas, envelope: Mapping[str, Any]) -> Json:
    """Return the schemas of errors that have more members than the envelope, by their names."""
    found: Json = {}
    for error in errors:
        if error.members is not None:
            members = schemas.resolved(schemas.reference(error.members))
            found[error_name(error)] = {
                "type": "object",
                "required": [*envelope["required"], *members["required"]],
                "properties": {
                    **envelope["properties"],
                    "error": {"type": "string", "enum": [error.code]},
                    **members["properties"],
                },
            }
    return found


def error_name(error: type[ServiceError]) -> str:
    """Return the name of an error's schema, as ValidationError for VALIDATION_ERROR."""
    return "".join(word.capitalize() for word in error.code.split("_"))


def _described(errors: Sequence[type[ServiceError]]) -> list[str]:
    by_code: dict[str, list[str]] = {}
    for error in errors:
        by_code.setdefault(error.code, []).append(" ".join((error.__doc__ or "").split()))
    return [f"{code}: {' '.join(dict.fromkeys(texts))}" for code, texts in by_code.items()]
