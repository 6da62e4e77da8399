"""gateway.representations: codings by Accept-Encoding, entity tags, and If-None-Match."""

import asyncio
import gzip
import threading
from collections.abc import Callable

import brotli
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import representations
from gateway.representations import (
    MOST_BYTES_AT_ONCE,
    SMALLEST_CODED_BYTES,
    Accepted,
    Representation,
    accepted,
    chosen_coding,
)

DECODE: dict[str | None, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    None: lambda body: body,
}
LONG, SHORT = SMALLEST_CODED_BYTES, SMALLEST_CODED_BYTES - 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Accepted(None)),
        ("", Accepted(None)),
        ("identity", Accepted(None)),
        ("gzip", Accepted("gzip")),
        ("x-gzip", Accepted("gzip")),
        ("GZIP", Accepted("gzip")),
        ("gzip, deflate, br, zstd", Accepted("br")),
        ("br;q=0.5, gzip;q=0.8", Accepted("gzip")),
        ("br ; q=0.5 ,\tgzip ;Q=0.8, ,", Accepted("gzip")),
        ("gzip;q=0", Accepted(None)),
        ("gzip;q=0.000, *", Accepted("br")),
        ("br;q=0, *", Accepted("gzip")),
        ("*", Accepted("br")),
        ("*;q=0", Accepted(None, takes_identity=False)),
        ("identity;q=0", Accepted(None, takes_identity=False)),
        ("gzip, identity;q=0", Accepted("gzip", takes_identity=False)),
        ("gzip, *;q=0", Accepted("gzip", takes_identity=False)),
        ("gzip;q=0.5, identity", Accepted(None)),
        ("gzip;q=0.5, identity;q=0.5", Accepted("gzip")),
        ("gzip;q=0.001", Accepted("gzip")),
        ("deflate, zstd", Accepted(None)),
        # Malformed, so as if it were not there.
        ("gzip;q=2", Accepted(None)),
        ("gzip;q=", Accepted(None)),
        ("gzip;level=9", Accepted(None)),
        ("gzip br", Accepted(None)),
        ("\u00e9", Accepted(None)),
    ],
)
def test_the_coding_that_a_client_likes_best(header: str | None, expected: Accepted) -> None:
    assert accepted(header) == expected


def test_a_short_body_is_coded_only_for_a_client_that_takes_nothing_else() -> None:
    asked = [("br", LONG), ("br", SHORT), ("br, identity;q=0", SHORT), ("identity;q=0", LONG), (None, LONG)]
    assert [chosen_coding(*each) for each in asked] == ["br", None, "br", None, None]


@given(st.binary(max_size=3000) | st.just(b"a lesson " * MOST_BYTES_AT_ONCE), st.sampled_from(["br", "gzip", None]))
def test_every_coding_is_the_body(body: bytes, coding: str | None) -> None:
    assert DECODE[coding](asyncio.run(Representation(body).coded(coding))) == body


def test_each_coding_is_made_once_for_all_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def compress(body: bytes) -> bytes:
        threads.append(threading.current_thread())
        return body[:10]

    monkeypatch.setitem(representations.CODINGS, "br", compress)

    async def ask(body: bytes) -> None:
        representation = Representation(body)
        first = asyncio.create_task(representation.coded("br"))
        others = [asyncio.create_task(representation.coded("br")) for _ in range(20)]
        await asyncio.sleep(0)
        first.cancel()
        assert set(await asyncio.gather(*others)) == {body[:10]}
        assert await representation.coded("br") == body[:10]

    asyncio.run(ask(b"a" * MOST_BYTES_AT_ONCE))
    assert threads == [threading.main_thread()]
    threads.clear()
    # What takes long does not hold up the event loop.
    asyncio.run(ask(b"a" * (MOST_BYTES_AT_ONCE + 1)))
    assert len(threads) == 1
    assert threads != [threading.main_thread()]


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_two_bodies_have_different_weak_tags(one: bytes, other: bytes) -> None:
    tags = [Representation(body).entity_tag for body in (one, other)]
    assert (tags[0] == tags[1]) == (one == other)
    assert all(tag.startswith('W/"') for tag in tags)


TAG = Representation(b"{}").entity_tag


@pytest.mark.parametrize(
    "header", [TAG, TAG[2:], "*", " * ", f'"a", {TAG}', f'W/"a,b",{TAG[2:]} , "c"', f"{TAG}, {TAG}", f'"", {TAG}']
)
def test_if_none_match_compares_weakly(header: str) -> None:
    assert Representation(b"{}").is_named_by(header)


@given(st.none() | st.text(max_size=40))
@example('"*"')
@example(TAG.strip('W/"'))
@example(f"x{TAG[:-1]}")
@example("*, *")
def test_anything_else_names_nothing(header: str | None) -> None:
    assert Representation(b"{}").is_named_by(header) == (header is not None and header.strip() == "*")
