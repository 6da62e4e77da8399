"""services.kit.web.documents: any body at all is the document that it says, or refused; nothing else happens."""

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from falcon.asgi import Request, Response
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from services.kit.web.app import create_web_app
from services.kit.web.documents import read_document, write_json
from services.kit.web.guards import Guard, Route
from tests.app_client import Client
from tests.refusals import INVALID_JSON, NOT_JSON

JSON = {"Content-Type": "application/json"}
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS: Any = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)

one_client = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Echo:
    """Answers what it has read."""

    async def on_post(self, request: Request, response: Response) -> None:
        """The document of a body that must be there."""
        write_json(response, {"read": await read_document(request)})

    async def on_put(self, request: Request, response: Response) -> None:
        """The document of a body that need not be there."""
        write_json(response, {"read": await read_document(request, optional=True)})


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client of the echo."""
    with Client.of(create_web_app([Route("/echo", Echo(), Guard.OPEN)], [])) as client:
        yield client


@one_client
@given(DOCUMENTS, st.sampled_from([None, 0, 3]), st.booleans())
def test_a_document_is_read_however_it_is_written(
    client: Client, document: Any, indent: int | None, plain: bool
) -> None:
    written = json.dumps(document, indent=indent, ensure_ascii=plain).encode()
    # A number of more digits than a float has is another document already as it is written.
    assume(orjson.loads(written) == document)

    assert client.send("POST", "/echo", headers=JSON, body=written) == (200, {"read": document})
    assert client.send("PUT", "/echo", headers=JSON, body=written) == (200, {"read": document})


def oracle(body: bytes) -> Any:
    """What RFC 8259 says that it is; raises ValueError when that is nothing."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(body.decode("utf-8"), parse_constant=refuse)


json_like = st.text('{}[]",:0123456789.eE+-truefalsn\\u \n', max_size=40).map(str.encode)
cut = st.builds(lambda document, at: json.dumps(document).encode()[:at], DOCUMENTS, st.integers(0, 60))


@one_client
@given(st.binary(max_size=60) | json_like | cut)
@example(b"")
@example(b" ")
@example(b"\xef\xbb\xbf{}")
@example(b'"\xed\xa0\x80"')
@example(b'"\\ud800"')
@example(b'{"a":1,"a":2}')
@example(b"-")
@example(b"01")
@example(b"1e400")
@example(b"NaN")
@example(b"[" * 5000)
@example(b"[" * 5000 + b"]" * 5000)
@example(b"9" * 5000)
def test_any_body_is_what_it_says_or_refused(client: Client, body: bytes) -> None:
    answer = client.send("POST", "/echo", headers=JSON, body=body)

    if answer.status == 200:
        assert answer.document == {"read": oracle(body)}
    else:
        assert (answer.status, answer.document["error"]) == (400, "REQUEST_ERROR")


@one_client
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40))
@example("application/json")
@example("APPLICATION/JSON ; charset=utf-8")
@example("application/json;" * 100)
@example("application/json, application/json")
@example("text/json")
def test_a_body_is_read_when_it_says_that_it_is_json(client: Client, content_type: str) -> None:
    answer = client.send("POST", "/echo", headers={"Content-Type": content_type}, body=b'"text"')

    is_json = content_type.partition(";")[0].strip().lower() == "application/json"
    assert answer == ((200, {"read": "text"}) if is_json else NOT_JSON)


@one_client
@given(st.text(" \t\r\n", max_size=5), st.sampled_from([None, "application/json", "text/plain"]))
def test_a_body_of_blanks_is_none_where_none_is_asked_for(
    client: Client, blanks: str, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    assert client.send("PUT", "/echo", headers=headers, body=blanks) == (200, {"read": {}})
    refused = client.send("POST", "/echo", headers=headers, body=blanks)
    assert refused == (INVALID_JSON if content_type == "application/json" else NOT_JSON)
