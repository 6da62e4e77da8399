"""services.kit.web.app with its documents and guards: bodies, ids, errors; in process and under a real gunicorn."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import falcon
import falcon.asgi
import httpx
import peewee
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from deploy import stack
from gateway.upstream import KEEPALIVE_SECONDS
from services.kit.core.errors import Conflict, ServiceError, Unavailable
from services.kit.storage.database import open_database
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import Lifespan, create_web_app
from services.kit.web.documents import BODY_LIMIT_BYTES, read_body, read_json, write_json, write_page
from services.kit.web.guards import Gatekeeper, Guard, Route
from services.kit.web.pages import Page, PageRequest
from services.kit.web.schemas import Schema, Text
from tests.serving import Address, exchange, served

REQUEST_ID = {"X-Request-ID": "request-1"}
JSON = {"Content-Type": "application/json"}
SECRET = "a secret that only these tests know, long enough"
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Note(Schema):
    title: Text = "untitled"


class Taken(Conflict):
    code = "NOTE_TAKEN"
    message = "There is such a note"


class Notes:
    """Reads a note; with ?optional the body may be absent."""

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"item": "note"})

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        note = await read_json(request, Note, optional=request.get_param_as_bool("optional", default=False))
        write_json(response, {"title": note.title}, 201)


class Failing:
    """Raises what the path names."""

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
    """Tells how many bytes came."""

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"bytes": len(await read_body(request))})


class Streaming:
    """A body that is made while it is sent, from a database of its own thread."""

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


def app(*more: Route) -> Any:
    """An app with a resource of each kind, one of them for services only."""
    routes = (
        Route("/notes", Notes(), Guard.OPEN),
        Route("/raw", Raw(), Guard.OPEN),
        Route("/failing/{kind}", Failing(), Guard.OPEN),
        Route("/guarded", Raw(), Guard.SERVICE),
        *more,
    )
    return create_web_app(routes, [Gatekeeper(routes, "notes", SECRET)])


def create_streaming_app() -> Any:
    """What gunicorn serves below; the database's URL is in the environment."""
    database = open_database(os.environ["STREAMING_DATABASE_URL"])
    use_cases = UseCases(database, threads=2)
    return app(Route("/stream", Streaming(use_cases, database), Guard.OPEN))


def send(method: str, address: str, **options: Any) -> httpx.Response:
    """The app's answer."""

    async def sending() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app()), base_url="http://notes") as client:
            return await client.request(method, address, **options)

    return asyncio.run(sending())


def envelope(code: str, message: str, **more: object) -> dict[str, object]:
    """The contract's error for the request `request-1`."""
    return {"error": code, "message": message, "requestId": "request-1", **more}


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """A body that is sent without a length."""
    for part in parts:
        yield part


# Bodies


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8 "],
)
def test_a_json_body_is_read_whatever_its_parameters(content_type: str) -> None:
    answer = send("POST", "/notes", content=b'{"title": " Caf\xc3\xa9 "}', headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()) == (201, {"title": "Café"})


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
@pytest.mark.parametrize("address", ["/notes", "/notes?optional=true"])
def test_a_body_of_another_type_is_refused(address: str, content_type: str) -> None:
    answer = send("POST", address, content=b"{}", headers={**REQUEST_ID, "Content-Type": content_type})

    assert (answer.status_code, answer.json()) == (415, envelope("REQUEST_ERROR", "The body must be application/json"))


def test_a_body_without_a_type_is_refused() -> None:
    answer = send("POST", "/notes", content=b"{}", headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (415, envelope("REQUEST_ERROR", "The body must be application/json"))


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"{'title': 1}", b'{"title": NaN}', b"\xff", b'{"title": "\xff"}', b"{}{}", b"[" * 100_000],
)
def test_what_is_not_json_is_refused_without_repeating_it(body: bytes) -> None:
    answer = send("POST", "/notes", content=body, headers={**REQUEST_ID, **JSON})

    document = answer.json()
    assert answer.status_code == 400
    assert document.pop("message").startswith("The body is not valid JSON: ")
    assert document == {"error": "REQUEST_ERROR", "requestId": "request-1"}
    assert len(answer.content) < 200


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ({}, "untitled"),
        ({"content": b""}, "untitled"),
        ({"content": b"", "headers": JSON}, "untitled"),
        ({"content": b" \r\n", "headers": {"Content-Type": "text/plain"}}, "untitled"),
        ({"content": b"{}", "headers": JSON}, "untitled"),
        ({"content": b'{"title": "Given"}', "headers": JSON}, "Given"),
    ],
)
def test_an_optional_body_may_be_absent_empty_or_an_empty_object(options: dict[str, Any], title: str) -> None:
    answer = send("POST", "/notes?optional=true", **options)

    assert (answer.status_code, answer.json()) == (201, {"title": title})


def test_json_that_is_no_object_breaks_the_schema() -> None:
    answer = send("POST", "/notes", content=b"[]", headers={**REQUEST_ID, **JSON})

    details = {"formErrors": ["must be a JSON object"], "fieldErrors": {}}
    assert answer.status_code == 400
    assert answer.json() == envelope("VALIDATION_ERROR", "The request is not valid", details=details)


TOO_LARGE = (413, envelope("PAYLOAD_TOO_LARGE", "The body is larger than 1 MiB"))


@pytest.mark.parametrize("address", ["/notes", "/notes?optional=true", "/raw"])
def test_a_body_over_the_limit_is_refused(address: str) -> None:
    content = b" " * (BODY_LIMIT_BYTES + 1)
    half = content[: BODY_LIMIT_BYTES // 2]

    counted = send("POST", address, content=content, headers={**REQUEST_ID, **JSON})
    chunked = send("POST", address, content=chunks(half, half, b" "), headers={**REQUEST_ID, **JSON})

    assert (counted.status_code, counted.json(), counted.headers["Connection"]) == (*TOO_LARGE, "close")
    assert (chunked.status_code, chunked.json()) == TOO_LARGE


def test_a_body_of_just_the_limit_is_read() -> None:
    half = b" " * (BODY_LIMIT_BYTES // 2)

    counted, chunked = send("POST", "/raw", content=half * 2), send("POST", "/raw", content=chunks(half, half))

    assert counted.json() == chunked.json() == {"bytes": BODY_LIMIT_BYTES}


# The request's id


@pytest.mark.parametrize("claimed", ["a", "request-1", "A.b_c-9", "x" * 64, "-"])
def test_a_well_formed_request_id_is_taken(claimed: str) -> None:
    answer = send("GET", "/nowhere", headers={"X-Request-ID": claimed})

    assert answer.headers.get_list("X-Request-ID") == [claimed]
    assert answer.json()["requestId"] == claimed


@pytest.mark.parametrize(
    "claimed",
    [
        b"",
        b"x" * 65,
        b"two words",
        b"a/b",
        b"a,b",
        b"a;b",
        b'"quoted"',
        b"{}",
        b"a\r\nSet-Cookie: session=1",
        b"a\n",
        b"a\x00",
        b"a\x1b[31m",
        b"caf\xc3\xa9",
        b"\xd9\xa1",
    ],
)
def test_any_other_request_id_is_replaced_by_a_new_one(claimed: bytes) -> None:
    answer = send("GET", "/nowhere", headers=[(b"X-Request-ID", claimed)])

    made = answer.headers["X-Request-ID"]
    assert UUID7.fullmatch(made)
    assert answer.json()["requestId"] == made
    assert "Set-Cookie" not in answer.headers


def test_two_requests_have_two_ids() -> None:
    assert len({send("GET", "/notes").headers["X-Request-ID"] for _ in range(3)}) == 3


# Errors


@pytest.mark.parametrize(
    ("kind", "status", "code", "message", "retry_after"),
    [
        ("taken", 409, "NOTE_TAKEN", "There is such a note", None),
        ("busy", 503, "UPSTREAM_UNAVAILABLE", "Busy", "7"),
        ("ours", 500, "INTERNAL_ERROR", "Something went wrong on our side", None),
        ("crash", 500, "INTERNAL_ERROR", "Something went wrong on our side", None),
        ("bad", 400, "REQUEST_ERROR", "Bad thing", None),
        ("media", 415, "REQUEST_ERROR", "The body must be application/json", None),
        ("large", 413, "PAYLOAD_TOO_LARGE", "The body is larger than 1 MiB", None),
    ],
)
def test_every_error_is_answered_in_the_contract_s_envelope(
    kind: str, status: int, code: str, message: str, retry_after: str | None
) -> None:
    answer = send("GET", f"/failing/{kind}", headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (status, envelope(code, message))
    assert (answer.headers["Content-Type"], answer.headers.get("Retry-After")) == ("application/json", retry_after)


@pytest.mark.parametrize("kind", ["gone", "teapot"])
def test_an_error_of_falcon_s_that_the_contract_does_not_know_is_a_request_error(kind: str) -> None:
    answer = send("GET", f"/failing/{kind}", headers=REQUEST_ID)

    assert (answer.status_code, answer.json()["error"]) == (400, "REQUEST_ERROR")


def test_a_crash_is_logged_with_its_traceback_and_its_request_and_told_to_nobody() -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        answer = send("GET", "/failing/crash", headers=REQUEST_ID)

    assert "canary" not in answer.text
    [line] = [line for line in lines if line["log_level"] == "error"]
    assert repr(line.pop("exc_info")) == "RuntimeError('canary in the crash')"
    assert line == {
        "event": "request_failed",
        "log_level": "error",
        "requestId": "request-1",
        "method": "GET",
        "route": "/failing/{kind}",
    }


def test_an_unknown_address_and_a_wrong_method_are_answered_in_the_envelope() -> None:
    unknown = send("GET", "/nowhere", headers=REQUEST_ID)
    wrong = send("DELETE", "/notes", headers=REQUEST_ID)

    nothing_there = envelope("NOT_FOUND", "There is nothing at this address")
    assert (unknown.status_code, unknown.json()) == (404, nothing_there)
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET, POST, OPTIONS")
    assert wrong.json() == envelope("METHOD_NOT_ALLOWED", "This address does not take that method")


@pytest.mark.parametrize("address", ["/notes%00", "/notes/%0A", "/failing/%1b[31m", "/%7F", "/failing/%2e%2e"])
def test_an_address_with_control_characters_or_dot_segments_is_nowhere(address: str) -> None:
    answer = send("GET", address, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (404, envelope("NOT_FOUND", "There is nothing at this address"))


def test_a_route_that_is_not_in_the_guarded_table_does_not_open() -> None:
    routes = (Route("/notes", Notes(), Guard.OPEN),)
    forgotten: Any = create_web_app(
        (*routes, Route("/forgotten", Notes(), Guard.OPEN)), [Gatekeeper(routes, "notes", SECRET)]
    )

    async def sending() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(forgotten), base_url="http://notes") as client:
            return await client.get("/forgotten", headers=REQUEST_ID)

    answer = asyncio.run(sending())

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json() == envelope("UNAUTHORIZED", "A valid bearer token is required")


@pytest.mark.parametrize(
    ("page", "wanted", "document"),
    [
        (Page([1], None), PageRequest(), {"items": ["one"]}),
        (Page([1], None), PageRequest(limit=1), {"items": ["one"], "nextCursor": None}),
        (Page([1], "cursor"), PageRequest(limit=1), {"items": ["one"], "nextCursor": "cursor"}),
    ],
)
def test_a_list_tells_of_its_next_page_when_a_page_was_asked_for(
    page: Page[int], wanted: PageRequest, document: dict[str, object]
) -> None:
    response = falcon.asgi.Response()

    write_page(response, ["one"], page, wanted)

    assert (response.status, json.loads(response.data or b"")) == (200, document)


def test_a_worker_starts_and_stops_what_it_was_given() -> None:
    done: list[str] = []

    async def start() -> None:
        done.append("started")

    async def stop() -> None:
        done.append("stopped")

    async def living(lifespan: Lifespan) -> None:
        await lifespan.process_startup({}, {})
        await lifespan.process_shutdown({}, {})

    asyncio.run(living(Lifespan(start, stop)))
    asyncio.run(living(Lifespan()))

    assert done == ["started", "stopped"]


# Under gunicorn with the settings of deploy/


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """Where gunicorn serves the streaming app in one worker."""
    variables = {"STREAMING_DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('gunicorn') / 'streaming.sqlite'}"}
    with served("tests.kit.web.test_app:create_streaming_app()", "/notes", variables) as at:
        yield at


@contextmanager
def client(address: Address) -> Iterator[httpx.Client]:
    """A client that keeps its connections."""
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=30, trust_env=False) as opened:
        yield opened


def test_a_plain_request_follows_a_streamed_answer_ten_times_of_ten(address: Address) -> None:
    with client(address) as keeping:
        for _ in range(10):
            streamed = keeping.get("/stream")
            plain = keeping.post("/notes", json={"title": "After"})

            assert (streamed.status_code, streamed.text) == (200, "".join(f"{part}\n" * 1024 for part in range(3)))
            assert (plain.status_code, plain.json()) == (201, {"title": "After"})


def test_clients_that_abort_midway_disturb_nobody(address: Address) -> None:
    for _ in range(10):
        with socket.create_connection(address, timeout=30) as aborting:
            aborting.sendall(b"GET /stream?parts=100000 HTTP/1.1\r\nHost: notes\r\n\r\n")
            assert aborting.recv(15) == b"HTTP/1.1 200 OK"
        with socket.create_connection(address, timeout=30) as aborting:
            aborting.sendall(b"POST /notes HTTP/1.1\r\nHost: notes\r\nContent-Length: 100\r\n\r\n{")

    with client(address) as keeping:
        assert keeping.get("/stream?parts=1").text == "0\n" * 1024
        assert keeping.post("/notes", json={"title": "After"}).json() == {"title": "After"}


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /guarded HTTP/1.1\r\nHost: notes\r\nContent-Length: 200000", b"401 Unauthorized"),
        (b"POST /nowhere HTTP/1.1\r\nHost: notes\r\nContent-Length: 200000", b"404 Not Found"),
        (b"DELETE /notes HTTP/1.1\r\nHost: notes\r\nContent-Length: 200000", b"405 Method Not Allowed"),
        (b"POST /raw HTTP/1.1\r\nHost: notes\r\nContent-Length: 1048577", b"413 "),
    ],
)
def test_a_refusal_that_leaves_a_body_unread_closes_its_connection(
    address: Address, head: bytes, status: bytes
) -> None:
    # What follows the head would be read as the next request if the connection stayed.
    smuggled = b"GET /notes HTTP/1.1\r\nHost: notes\r\n\r\n"

    answer = exchange(address, head + b"\r\n\r\n" + smuggled)

    lines, _, body = answer.partition(b"\r\n\r\n")
    assert lines.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in lines.lower().split(b"\r\n")
    assert b"HTTP/1.1" not in body
    with client(address) as fresh:
        assert fresh.get("/notes").json() == {"item": "note"}


def test_a_chunked_body_over_the_limit_is_refused_under_gunicorn_too(address: Address) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = b"POST /raw HTTP/1.1\r\nHost: notes\r\nTransfer-Encoding: chunked\r\n\r\n"

    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(head + chunk * 17)
        with closing(connection.makefile("rb")) as answer:
            lines = [line.rstrip().lower() for line in iter(answer.readline, b"\r\n")]

    assert lines[0].startswith(b"http/1.1 413 ")
    assert b"connection: close" in lines


def test_the_times_along_the_chain_are_in_order() -> None:
    printed = subprocess.run(
        [
            *(sys.executable, "-m", "gunicorn", "--config", str(Path("deploy") / "gunicorn.conf.py")),
            *("--print-config", "tests.kit.web.test_app:create_streaming_app()"),
        ],
        cwd=stack.ROOT,
        env={
            "PATH": os.environ["PATH"],
            "FLIX_PROCESS": "x",
            "LOG_LEVEL": "info",
            "STREAMING_DATABASE_URL": "sqlite:///x",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    settings = dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in printed.stdout.splitlines() if "=" in line)

    # The client closes first; the server first finishes what it has, and then its keeper's patience ends (TRAPS 10).
    assert int(settings["keepalive"]) > KEEPALIVE_SECONDS
    assert int(settings["graceful_timeout"]) < stack.STOP_SECONDS
    assert settings["worker_class"] == "services.kit.web.worker.Worker"
    assert settings["preload_app"] == "False"
    assert settings["forwarded_allow_ips"] in ("[]", "")
