"""A small app with a resource of each kind, in process and for gunicorn."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import ClassVar

import falcon
import falcon.asgi
import peewee

from services.kit.core.config import BODY_SECONDS
from services.kit.core.errors import Conflict, ServiceError, Unavailable
from services.kit.storage.database import open_database
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import WebApp, create_web_app
from services.kit.web.documents import read_body, read_document, read_json, write_json
from services.kit.web.guards import Gatekeeper, Guard, Route
from services.kit.web.headers import SECURITY_HEADERS
from services.kit.web.schemas import Schema, Text

SECRET = "a secret that only these tests know, long enough"
SHORT_SECONDS = 1
# Longer than a test waits.
LONG_SECONDS = 3600


class Note(Schema):
    title: Text = "untitled"


class Taken(Conflict):
    code = "NOTE_TAKEN"
    message = "There is such a note"


class Notes:
    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"item": "note"})

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        note = await read_json(request, Note)
        write_json(response, {"title": note.title}, 201)


class Failing:
    ERRORS: ClassVar[dict[str, Callable[[], Exception]]] = {
        "crash": lambda: RuntimeError("canary in the crash"),
        "taken": Taken,
        "busy": lambda: Unavailable("Busy", retry_after=7),
        "ours": ServiceError,
        "bad": lambda: falcon.HTTPBadRequest(title="Bad thing", description="canary in the description"),
        "media": falcon.HTTPUnsupportedMediaType,
        "large": falcon.HTTPContentTooLarge,
        "teapot": lambda: falcon.HTTPError(falcon.HTTP_418),
        "gone": falcon.HTTPGone,
    }

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response, kind: str) -> None:
        response.set_header("X-Half-Done", "yes")
        raise self.ERRORS[kind]()


class Raw:
    """Responds with the number of bytes in the body."""

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"bytes": 0})

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"bytes": len(await read_body(request))})


class Echo:
    """Responds with the document in the body."""

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"item": await read_document(request)})

    async def on_put(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"item": await read_document(request, optional=True)})


class Streaming:
    """Streams a body; each part is read from a database in a thread."""

    def __init__(self, use_cases: UseCases, database: peewee.Database):
        self._use_cases = use_cases
        self._database = database

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for number in range(request.get_param_as_int("parts", default=3)):
                yield await self._use_cases.run(self._part, number)

        response.content_type = "text/plain"
        response.stream = parts()

    def _part(self, number: int) -> bytes:
        [value] = self._database.execute_sql("SELECT ?", (number,)).fetchone()
        return b"%d\n" % value * 1024


class Hoarding:
    """Opens files until none is free, and keeps them."""

    def __init__(self) -> None:
        self._files: list[int] = []

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        with suppress(OSError):
            while True:
                self._files.append(os.open(os.devnull, os.O_RDONLY))
        write_json(response, {"files": len(self._files)})


def create_app(*more: Route, body_seconds: float = BODY_SECONDS) -> WebApp:
    """Build the app; /guarded is for services only."""
    routes = (
        Route("/notes", Notes(), Guard.OPEN),
        Route("/raw", Raw(), Guard.OPEN),
        Route("/echo", Echo(), Guard.OPEN),
        Route("/failing/{kind}", Failing(), Guard.OPEN),
        Route("/guarded", Raw(), Guard.SERVICE),
        *more,
    )
    return create_web_app(routes, [Gatekeeper(routes, "notes", SECRET)], body_seconds, _refusal_headers)


def _refusal_headers(origin: str | None) -> dict[str, str]:
    return {**SECURITY_HEADERS, **({"X-Origin": origin} if origin else {})}


def create_streaming_app() -> WebApp:
    """Build the app for gunicorn; the URL of its database is in the environment."""
    database = open_database(os.environ["STREAMING_DATABASE_URL"])
    stream = Route("/stream", Streaming(UseCases(database, threads=2), database), Guard.OPEN)
    return create_app(stream, body_seconds=LONG_SECONDS)


def create_impatient_app() -> WebApp:
    """Build the app for gunicorn, with a short deadline for bodies."""
    return create_app(body_seconds=SHORT_SECONDS)


def create_hoarding_app() -> WebApp:
    """Build the app for gunicorn, with an address that takes all files."""
    return create_app(Route("/hoard", Hoarding(), Guard.OPEN))
