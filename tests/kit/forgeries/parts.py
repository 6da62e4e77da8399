"""What forging is made of."""

import base64
from collections.abc import Iterator
from typing import Any

from tests.kit.forging import Forge, absent, segment

# The name of each trick, and the token.
Forgeries = Iterator[tuple[str, str]]


def signed(forge: Forge, header: Any, payload: Any) -> str:
    """A token with the key's own signature over whatever stands in it; bytes are taken as they are."""
    signing_input = f"{segment(header)}.{segment(payload)}"
    key: Any = forge.private_key.private_key
    return f"{signing_input}.{segment(key.sign(signing_input.encode()))}"


def parts(token: str) -> tuple[str, str, str]:
    """Header, payload and signature."""
    header, payload, signature = token.split(".")
    return header, payload, signature


def decoded(part: str) -> bytes:
    """The bytes that a part of a token stands for."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def flipped(raw: bytes, place: int, bit: int) -> bytes:
    """The bytes with one bit changed."""
    return raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]


def told(value: object) -> str:
    """The value in the name of a trick."""
    return "absent" if value is absent else repr(value)[:40]
