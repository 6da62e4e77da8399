"""Parts of tokens."""

import base64
from collections.abc import Callable, Iterator
from datetime import datetime

from tests.kit.forging import Forge, absent

# The name of each trick, and the token.
Forgeries = Iterator[tuple[str, str]]
Kind = Callable[[Forge, datetime], Forgeries]


def parts(token: str) -> tuple[str, str, str]:
    """Return header, payload and signature."""
    header, payload, signature = token.split(".")
    return header, payload, signature


def decoded(part: str) -> bytes:
    """Return the bytes of a part of a token."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def flipped(raw: bytes, place: int, bit: int) -> bytes:
    """Return the bytes with one bit changed."""
    return raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]


def shown(value: object) -> str:
    """Return the value as the name of a trick shows it."""
    return "absent" if value is absent else repr(value)[:40]
