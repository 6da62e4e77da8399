"""services.kit.web.heads: which heads of requests are refused, their addresses, and their Origin."""

import pytest
from gunicorn.asgi.parser import InvalidHeader, InvalidRequestLine, InvalidRequestMethod, UnsupportedTransferCoding

from services.kit.web.heads import check_head, origin_form, origin_of

HOST = (b"host", b"a")


@pytest.mark.parametrize(
    "host",
    [
        *(b"learn.example", b"learn.example:", b"learn.example:3001", b"127.0.0.1:3001", b"[::1]", b"[::1]:3001"),
        *(b"LEARN.example.", b"flix_content-1", b"xn--lern-0qa.example", b"a%20b", b"a!$&'()*+,;=~b"),
    ],
)
def test_a_host_and_port_are_taken(host: bytes) -> None:
    check_head(b"GET", (1, 1), [(b"host", host)])


@pytest.mark.parametrize(
    "host",
    [
        *(b"", b":", b":3001", b"a b", b"a:b", b"a:1:2", b"a/", b"http://a", b"user@a", b"a?", b"a#", b"a\\b", b'"a"'),
        *(
            b"::1",
            b"[::1",
            b"[]",
            b"[::1]a",
            b"[g::1]",
            b"a%2",
            b"a%zz",
            b"\xc3\xa4",
            b"a\tb",
            b"<a>",
            b"a, b",
            b"a:+1",
        ),
    ],
)
def test_a_malformed_host_is_refused(host: bytes) -> None:
    for version in ((1, 1), (1, 0)):
        with pytest.raises(InvalidHeader):
            check_head(b"GET", version, [(b"host", host)])
    with pytest.raises(InvalidRequestLine):
        origin_form(b"GET", b"http://" + host.partition(b"/")[0].partition(b"?")[0].partition(b"#")[0] + b" /")


def test_only_http_1_0_may_come_without_a_host() -> None:
    check_head(b"GET", (1, 0), [])
    with pytest.raises(InvalidHeader):
        check_head(b"GET", (1, 1), [(b"hosts", b"a")])


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"identity, chunked", b"chunked, chunked", b""])
def test_another_transfer_coding_than_chunked_is_not_known(coding: bytes) -> None:
    with pytest.raises(UnsupportedTransferCoding):
        check_head(b"POST", (1, 1), [HOST, (b"transfer-encoding", coding)])
    check_head(b"POST", (1, 1), [HOST, (b"transfer-encoding", b"Chunked")])


def test_falcon_s_own_method_is_no_method() -> None:
    with pytest.raises(InvalidRequestMethod):
        check_head(b"WEBSOCKET", (1, 1), [HOST])


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        (b"GET", b"/a?b=http://c/d", b"/a?b=http://c/d"),
        (b"GET", b"//a/b", b"//a/b"),
        (b"OPTIONS", b"*", b"*"),
        (b"CONNECT", b"a:443", b"a:443"),
        (b"GET", b"http://a/b/c?d=e", b"/b/c?d=e"),
        (b"POST", b"HTTPS://a:443/b%2fc", b"/b%2fc"),
        (b"GET", b"http://[::1]:3001/b", b"/b"),
        (b"GET", b"http://a", b"/"),
        (b"GET", b"http://a?b", b"/?b"),
        (b"OPTIONS", b"http://a", b"*"),
        (b"OPTIONS", b"http://a/", b"/"),
        (b"GET", b"http://a//b", b"//b"),
        *((b"GET", target, None) for target in (b"http:///b", b"http://u@a/b", b"http://a b/", b"http:/a", b"a/b")),
        *((b"GET", target, None) for target in (b"ftp://a/b", b"x+http://a/b", b"://a", b"http://a:b/", b"")),
        # RFC 9112 section 3.2.4: only OPTIONS takes the asterisk form.
        *((method, b"*", None) for method in (b"GET", b"HEAD", b"POST", b"DELETE")),
    ],
)
def test_an_absolute_form_is_the_address_after_its_host(method: bytes, target: bytes, expected: bytes | None) -> None:
    if expected is None:
        with pytest.raises(InvalidRequestLine):
            origin_form(method, target)
    else:
        assert origin_form(method, target) == expected


@pytest.mark.parametrize(
    ("headers", "rest", "expected"),
    [
        ([HOST, (b"origin", b"https://a")], b"", "https://a"),
        ([HOST], b"X: y\r\noRiGiN:\thttps://a \r\n\r\n", "https://a"),
        ([HOST], b"GET /too-long HTTP/1.1\r\nOrigin:https://a\r\nX: y\r\n\r\n", "https://a"),
        # The line may go on; the body and other headers are no Origin.
        ([HOST], b"X: y\r\nOrigin: https://a", None),
        ([HOST], b"X: y\r\n\r\nOrigin: https://a\r\n\r\n", None),
        ([HOST], b"\r\nOrigin: https://a\r\n", None),
        ([HOST], b"X-Origin: https://a\r\nX: Origin: https://a\r\n\r\n", None),
        # Which of two is the page's?
        ([(b"origin", b"https://a"), (b"origin", b"https://a")], b"", None),
        ([(b"origin", b"https://a")], b"Origin: https://b\r\n\r\n", None),
        ([HOST], b"", None),
    ],
)
def test_the_origin_is_found_in_all_that_was_read_of_the_head(
    headers: list[tuple[bytes, bytes]], rest: bytes, expected: str | None
) -> None:
    assert origin_of(headers, rest) == expected
