"""JSON documents: read them from request bodies, write them to responses."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import falcon
import falcon.asgi
import orjson
from pydantic import BaseModel

from services.kit.core.errors import PayloadTooLarge, RequestError
from services.kit.web.bodies import TooDeep, is_too_deep, require_json, require_plain_body
from services.kit.web.entity_tags import IfMatch, Versioned, entity_tag, if_match
from services.kit.web.idempotency import KEY_HEADER, REPLAYED_HEADER, IdempotencyKey, StoredResponse, request_key
from services.kit.web.list_queries import ListRequest
from services.kit.web.schemas import validated

BODY_LIMIT_BYTES = 1024 * 1024

Model = TypeVar("Model", bound=BaseModel)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


async def read_body(request: falcon.asgi.Request, limit: int = BODY_LIMIT_BYTES) -> bytes:
    """Read the body; raise PayloadTooLarge beyond `limit` bytes, RequestTimeout after the app's deadline.

    Raise UnsupportedCoding, or RequestError if the client disconnects.
    """
    require_plain_body(request)
    if (request.content_length or 0) > limit:
        raise PayloadTooLarge
    body = bytearray()
    async for chunk in request.stream:
        body += chunk
        if len(body) > limit:
            raise PayloadTooLarge
    return bytes(body)


async def read_json(request: falcon.asgi.Request, schema: type[Model], *, optional: bool = False) -> Model:
    """Read the body as that schema; raise as `read_document` does, or ValidationFailed."""
    return validated(schema, await read_document(request, optional=optional))


async def read_document(
    request: falcon.asgi.Request, *, optional: bool = False, limit: int = BODY_LIMIT_BYTES, of_any_depth: bool = False
) -> Any:
    """Read the body as JSON of any shape; an `optional` body may be absent or empty, which is read as `{}`.

    Raise RequestError, UnsupportedMedia, or as `read_body` does.
    """
    body = await read_body(request, limit)
    if optional and not body.strip():
        return {}
    require_json(request.content_type)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"The body is not valid JSON: {error.msg}") from None
    if not of_any_depth and is_too_deep(body, document):
        raise TooDeep
    return document


def admin_idempotency_key(request: falcon.asgi.Request, document: object) -> IdempotencyKey | None:
    """Read the Idempotency-Key of an admin's request, behind the Gatekeeper; raise ValidationFailed."""
    route = f"{request.method} {request.path}"
    return request_key(request.get_header(KEY_HEADER), route, request.context.admin.id, document)


def write_stored_response(response: falcon.asgi.Response, stored: StoredResponse) -> None:
    """Respond with the stored response."""
    response.status = stored.status
    response.content_type = falcon.MEDIA_JSON
    response.data = stored.body
    response.set_headers(stored_headers(stored))


def stored_headers(stored: StoredResponse) -> dict[str, str]:
    """Return the headers of the stored response, besides its Content-Type."""
    headers: dict[str, str] = {}
    if stored.entity_tag is not None:
        headers["ETag"] = stored.entity_tag
    if stored.replayed:
        headers[REPLAYED_HEADER] = "true"
    return headers


def write_json(response: falcon.asgi.Response, document: object, status: int = 200) -> None:
    """Respond with the document as JSON. What may be long is rendered in a thread instead."""
    write_rendered(response, orjson.dumps(document), status)


def write_rendered(response: falcon.asgi.Response, body: bytes, status: int = 200) -> None:
    """Respond with JSON that the thread of the use case has rendered."""
    response.status = status
    response.content_type = falcon.MEDIA_JSON
    response.data = body


def write_list(
    response: falcon.asgi.Response, requested: ListRequest[Any], rendered_list: tuple[bytes, str | None]
) -> None:
    """Respond with the list or page that was requested, and where there is a next page with its Link."""
    body, next_cursor = rendered_list
    write_rendered(response, body)
    link = requested.link(next_cursor)
    if link is not None:
        response.set_header("Link", link)


def rendered(use_case: Callable[Parameters, Result], view: Callable[[Result], object]) -> Callable[Parameters, bytes]:
    """Return the use case with the view of its result as JSON, so that one thread reads and renders."""

    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> bytes:
        return orjson.dumps(view(use_case(*args, **kwargs)))

    return run


def write_versioned(response: falcon.asgi.Response, record: Versioned, view: object, status: int = 200) -> None:
    """Respond with the record's view under `item`, and with the ETag of its state."""
    write_json(response, {"item": view}, status)
    response.set_header("ETag", entity_tag(record))


def read_if_match(request: falcon.asgi.Request) -> IfMatch:
    """Read the states in which the record may be changed; raise ValidationFailed."""
    return if_match(request.get_header("If-Match"))
