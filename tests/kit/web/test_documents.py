"""services.kit.web.documents: any body is read as its document or refused, and what responses contain."""

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from services.kit.web.documents import BODY_LIMIT_BYTES
from tests.app_client import Client
from tests.documents import ANYTHING
from tests.kit.web.notes import create_app
from tests.refusals import INVALID_JSON, NOT_JSON, TOO_LARGE, invalid, refusal

JSON = {"Content-Type": "application/json"}
one_client = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client of the app of notes."""
    with Client.of(create_app()) as client:
        yield client


@one_client
@given(ANYTHING, st.sampled_from([None, 0, 3]), st.booleans())
def test_a_document_is_read_however_it_is_written(
    client: Client, document: Any, indent: int | None, is_ascii: bool
) -> None:
    body = json.dumps(document, indent=indent, ensure_ascii=is_ascii).encode()
    # A number with more digits than a float has is already another document.
    assume(orjson.loads(body) == document)
    assert client.send("POST", "/echo", headers=JSON, body=body) == (200, {"item": document})
    assert client.send("PUT", "/echo", headers=JSON, body=body) == (200, {"item": document})


def read_by_rfc_8259(body: bytes) -> Any:
    """Return the document of the body, with integers of more than 64 bits as floats; raise ValueError for no JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    def integer(digits: str) -> float:
        return int(digits) if -(2**63) <= int(digits) < 2**64 else float(digits)

    return json.loads(body.decode("utf-8"), parse_constant=refuse, parse_int=integer)


json_like = st.text('{}[]",:0123456789.eE+-truefalsn\\u \n', max_size=40).map(str.encode)
cut = st.builds(lambda document, at: json.dumps(document).encode()[:at], ANYTHING, st.integers(0, 60))


@one_client
@given(st.binary(max_size=60) | json_like | cut)
@example(b"\xef\xbb\xbf{}")
@example(b'"\xed\xa0\x80"')
@example(b'"\\ud800"')
@example(b'{"a":1,"a":2}')
@example(b"01")
@example(b"1e400")
@example(b"[" * 5000 + b"]" * 5000)
@example(b"20000000000000000001")
@example(b"18446744073709551615")
@example(b"-9223372036854775809")
@example(b"9" * 5000)
def test_any_body_is_its_document_or_refused(client: Client, body: bytes) -> None:
    response = client.send("POST", "/echo", headers=JSON, body=body)
    if response.status == 200:
        assert response.document == {"item": read_by_rfc_8259(body)}
    else:
        assert (response.status, response.document["error"]) == (400, "REQUEST_ERROR")


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"-", b"{", b"{'title': 1}", b'{"title": NaN}', b"\xff", b'{"title": "\xff"}', b"{}{}", b"[" * 100_000],
)
def test_a_body_that_is_no_json_is_refused_and_not_repeated(client: Client, body: bytes) -> None:
    result = client.exchange("POST", "/echo", headers=JSON, body=body)
    assert (result.status_code, result.json) == INVALID_JSON
    assert len(result.content) < 200


@one_client
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40))
@example("application/json")
@example("APPLICATION/JSON ; charset=utf-8")
@example("application/json;charset=UTF-8 ")
@example("application/json;" * 100)
@example("application/json, application/json")
@example("application/jsonx")
@example("text/json")
def test_a_body_is_read_if_its_type_is_json(client: Client, content_type: str) -> None:
    is_json = content_type.partition(";")[0].strip().lower() == "application/json"
    assume("charset" not in content_type.lower() or "utf-8" in content_type.lower())
    expected = (200, {"item": "text"}) if is_json else NOT_JSON
    for method in ("POST", "PUT"):
        assert client.send(method, "/echo", headers={"Content-Type": content_type}, body=b'"text"') == expected


@pytest.mark.parametrize(
    ("charset", "named"),
    [
        *((charset, None) for charset in ("", "utf-8", "UTF-8", '"utf-8"', "utf8", "US-ASCII")),
        ("latin-1", "latin-1"),
        ('"ISO-8859-1"', "iso-8859-1"),
        ("utf-16", "utf-16"),
        ("utf-8; charset=latin-1", "latin-1"),
        ('"<canary>"', "unknown"),
        ("x" * 41, "unknown"),
    ],
)
def test_a_body_in_another_charset_is_refused_by_its_name(client: Client, charset: str, named: str | None) -> None:
    refused = refusal(415, "REQUEST_ERROR", f"The body must be in UTF-8, but its charset is {named}")
    response = client.send("POST", "/echo", headers={"Content-Type": f"application/json; charset={charset}"}, body="1")
    assert response == (refused if named else (200, {"item": 1}))


@pytest.mark.parametrize(
    ("coding", "named"),
    [
        *((coding, None) for coding in ("", "identity", "Identity, identity")),
        ("gzip", "gzip"),
        ("identity, BR", "br"),
        ("<canary>", "unknown"),
    ],
)
def test_a_body_with_a_content_coding_is_refused_by_its_name(client: Client, coding: str, named: str | None) -> None:
    refused = refusal(415, "REQUEST_ERROR", f"The body must have no content coding, but has {named}")
    headers = {**JSON, "Content-Encoding": coding}
    result = client.exchange("POST", "/echo", headers=headers, body=b"1")
    assert (result.status_code, result.json) == (refused if named else (200, {"item": 1}))
    assert result.headers.get("Accept-Encoding") == ("identity" if named else None)
    # Without a body there is nothing to refuse.
    assert client.send("PUT", "/echo", headers=headers) == (200, {"item": {}})


def test_a_body_without_a_type_is_refused(client: Client) -> None:
    assert client.send("POST", "/echo", body=b"{}") == NOT_JSON


@one_client
@given(st.text(" \t\r\n", max_size=5), st.sampled_from([None, "application/json", "text/plain"]))
def test_only_an_optional_body_may_be_blank(client: Client, blanks: str, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    assert client.send("PUT", "/echo", headers=headers, body=blanks) == (200, {"item": {}})
    refused = client.send("POST", "/echo", headers=headers, body=blanks)
    assert refused == (INVALID_JSON if content_type == "application/json" else NOT_JSON)


def test_a_body_is_validated_by_its_schema(client: Client) -> None:
    assert client.send("POST", "/notes", json={"title": " Café "}) == (201, {"title": "Café"})
    assert client.send("POST", "/notes", json=[]) == invalid(form=["must be a JSON object"])


@pytest.mark.parametrize("path", ["/notes", "/raw", "/echo"])
def test_a_body_over_the_limit_is_refused_and_the_connection_closed(client: Client, path: str) -> None:
    body = b" " * (BODY_LIMIT_BYTES + 1)
    result = client.exchange("POST", path, headers=JSON, body=body)
    assert (result.status_code, result.json) == TOO_LARGE
    assert result.headers["Connection"] == "close"
    assert client.send("POST", "/raw", body=body[1:]) == (200, {"bytes": BODY_LIMIT_BYTES})
