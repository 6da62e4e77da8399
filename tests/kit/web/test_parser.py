"""services.kit.web.parser: it reads what gunicorn's own parser reads, and refuses what that refuses."""

from collections.abc import Sequence
from typing import Any

import pytest
from gunicorn.asgi.parser import ParseError, PythonProtocol
from hypothesis import given
from hypothesis import strategies as st

from services.kit.web.parser import Parser

LIMITS = {"limit_request_line": 200, "limit_request_fields": 5, "limit_request_field_size": 100}
FIELDS = [
    b"Host: learn.example",
    b"X-Any:\t a value, \xc3\xa4 \t",
    b"X-Empty:",
    b"Origin : a",
    b"Connection: close",
    b"Content-Length: 3",
    b"Transfer-Encoding: chunked",
    b"X-Long: " + b"a" * 90,
    b"X-Longer: " + b"a" * 91,
]
LINES = [
    b"GET / HTTP/1.1",
    b"POST /api/public/events/a/catalog?b=c HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"GET http://a/b HTTP/1.1",
    b"GET / HTTP/1.0",
    b"GET / HTTP/2.0",
    b"get / HTTP/1.1",
    b"GO / HTTP/1.1",
    b"GET /a b HTTP/1.1",
    b"GET /" + b"a" * 186 + b" HTTP/1.1",
    b"GET /" + b"a" * 187 + b" HTTP/1.1",
]
BODIES = [b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"abcGET / HTTP/1.1\r\n\r\n"]


def outcome(kind: type[Any], parts: Sequence[bytes]) -> tuple[Any, ...]:
    """Return what a parser makes of the parts."""
    body: list[bytes] = []
    heads: list[tuple[Any, ...]] = []
    parser: Any = kind(
        on_headers_complete=lambda: heads.append((parser.method, parser.path, parser.http_version, parser.headers)),
        on_body=body.append,
        **LIMITS,
    )
    error = None
    try:
        for part in parts:
            parser.feed(part)
    except ParseError as raised:
        error = type(raised)
    framing = (parser.content_length, parser.is_chunked, parser.should_keep_alive, parser.is_complete)
    # Not the counters: the number of fields counts for the trailer as well.
    return error, heads, b"".join(body), framing, parser._header_count, bytes(parser._buffer)


@st.composite
def requests(draw: st.DrawFn) -> list[bytes]:
    """A request, perhaps with some other bytes in it, in one or more parts."""
    fields = draw(st.lists(st.sampled_from(FIELDS), max_size=7))
    start = draw(st.sampled_from([b"", b"", b"\r\n", b"\r\n\r\n"]))
    request = bytearray(start + b"\r\n".join([draw(st.sampled_from(LINES)), *fields, b"", b""]))
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(request) - 1), st.integers(0, 255)), max_size=2)):
        request[place] = byte
    request += draw(st.sampled_from(BODIES))
    cuts = sorted(draw(st.lists(st.integers(0, len(request)), max_size=2)))
    return [bytes(request[a:b]) for a, b in zip([0, *cuts], [*cuts, len(request)], strict=True)]


@given(requests())
def test_every_request_is_taken_as_gunicorn_takes_it(parts: list[bytes]) -> None:
    assert outcome(Parser, parts) == outcome(PythonProtocol, parts)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("field", FIELDS)
def test_every_line_and_field_is_taken_as_gunicorn_takes_it(line: bytes, field: bytes) -> None:
    for count in (1, 2, 5, 6):
        head = b"\r\n".join([line, *[b"X-Any: a"] * (count - 1), field, b"", b""])
        assert outcome(Parser, [head]) == outcome(PythonProtocol, [head])


def test_every_byte_is_taken_as_gunicorn_takes_it() -> None:
    ours, theirs = Parser(), PythonProtocol()
    for byte in map(bytes, zip(range(256), strict=True)):
        assert ours._is_valid_token(byte) == theirs._is_valid_token(byte)
        assert ours._has_invalid_header_chars(byte) == theirs._has_invalid_header_chars(byte)
    assert not ours._is_valid_token(b"")


def test_a_usual_head_is_read_at_once() -> None:
    class AtOnce(Parser):
        def _parse_headers(self) -> bool:
            raise AssertionError("gunicorn's way")

    head = b"POST /catalog HTTP/1.1\r\nHost: a\r\nOrigin:  b \r\nContent-Length: 3\r\n\r\n"
    fields = [(b"host", b"a"), (b"origin", b"b"), (b"content-length", b"3")]
    error, heads, *_ = outcome(AtOnce, [head])
    assert (error, heads) == (None, [(b"POST", b"/catalog", (1, 1), fields)])
