"""What GET shows of a response: its ETag, its content codings, and the conditions of caches (RFC 9110)."""

import asyncio
import gzip
import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import brotli

# A shorter body fits into one packet with its headers, or nearly.
SMALLEST_CODED_BYTES = 1024
# A longer one is compressed in a thread: it takes the event loop more than a millisecond.
MOST_BYTES_AT_ONCE = 16 * 1024
# Of a catalog of 92 KB they take 1.1 and 1.4 ms; higher ones take up to twice as long for one or two per cent.
BROTLI_QUALITY = 4
GZIP_LEVEL = 5
REMEMBERED_HEADERS = 256

# In the order of preference: brotli has about a sixth fewer bytes, and both are made once.
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, mode=brotli.MODE_TEXT, quality=BROTLI_QUALITY),
    "gzip": lambda body: gzip.compress(body, GZIP_LEVEL, mtime=0),
}
IDENTITY = "identity"

_ACCEPTED = re.compile(
    r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*(?:;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)
_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_TAG_BYTES = 16


class Accepted(NamedTuple):
    """The coding that a client likes best, None for none, and whether it takes a body without one as well."""

    coding: str | None
    takes_identity: bool = True


@lru_cache(maxsize=REMEMBERED_HEADERS)
def accepted(header: str | None) -> Accepted:
    """Read an Accept-Encoding header (RFC 9110 section 12.5.3). A malformed one counts as none."""
    qualities: dict[str, float] = {}
    for part in filter(str.strip, (header or "").split(",")):
        found = _ACCEPTED.fullmatch(part)
        if found is None:
            return Accepted(None)
        qualities[found[1].lower().removeprefix("x-")] = float(found[2] or 1)
    others = qualities.get("*", 0)
    # A header that does not name `identity` allows it, after every coding that it names.
    identity = qualities.get(IDENTITY, qualities.get("*", 0.0001))
    best = max(CODINGS, key=lambda coding: qualities.get(coding, others))
    quality = qualities.get(best, others)
    return Accepted(best if quality > 0 and quality >= identity else None, identity > 0)


def chosen_coding(header: str | None, length: int) -> str | None:
    """Return the coding for a body of this length, for a client with this Accept-Encoding; None for no coding."""
    coding, takes_identity = accepted(header)
    return coding if length >= SMALLEST_CODED_BYTES or not takes_identity else None


class Representation:
    """A body, its weak entity tag, and its codings, each of which is made once for all who ask."""

    def __init__(self, body: bytes):
        self.body = body
        digest = hashlib.sha256(body).digest()[:_TAG_BYTES]
        # Weak, since all codings share it (RFC 9110 section 8.8.1).
        self.entity_tag = f'W/"{urlsafe_b64encode(digest).decode().rstrip("=")}"'
        self._opaque_tag = self.entity_tag.removeprefix("W/")
        self._coded: dict[str, bytes] = {}
        self._compressing: dict[str, asyncio.Task[bytes]] = {}

    async def coded(self, coding: str | None) -> bytes:
        """Return the body in this coding; None for no coding."""
        if coding is None:
            return self.body
        known = self._coded.get(coding)
        if known is None and len(self.body) <= MOST_BYTES_AT_ONCE:
            known = self._coded[coding] = CODINGS[coding](self.body)
        return await self._coded_beside(coding) if known is None else known

    async def _coded_beside(self, coding: str) -> bytes:
        task = self._compressing.get(coding)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(CODINGS[coding], self.body))
            self._compressing[coding] = task
            task.add_done_callback(lambda _: self._compressing.pop(coding))
        # A client that disconnects does not end it for the others.
        coded = self._coded[coding] = await asyncio.shield(task)
        return coded

    def is_named_by(self, if_none_match: str | None) -> bool:
        """Return whether an If-None-Match header names it, by weak comparison (RFC 9110 section 13.1.2)."""
        if if_none_match is None:
            return False
        if if_none_match in (self.entity_tag, self._opaque_tag) or if_none_match.strip() == "*":
            return True
        return any(f'"{tag}"' == self._opaque_tag for tag in _TAG.findall(if_none_match))
