"""A valid token that was changed, cut, or encoded in another way, and texts that a parser might fail on."""

import json
from datetime import datetime
from typing import Any

from tests.kit.forging import Forge, Forgeries, absent, decoded, parts, segment, shown

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# The order of Ed25519's group (RFC 8032 section 5.1): adding it to a signature's S must not give another signature.
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
# The gateway refuses such headers before the verifier; the verifier must withstand them on its own.
HUGE = 1_000_000


def flipped(raw: bytes, place: int, bit: int) -> bytes:
    """Return the bytes with one bit changed."""
    return raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]


def with_a_broken_signature(forge: Forge, at: datetime) -> Forgeries:
    """Signatures that differ from the valid one by a bit, a byte or a number."""
    header, payload, signature = parts(forge.token())
    raw = decoded(signature)

    def signed_with(other: bytes) -> str:
        return f"{header}.{payload}.{segment(other)}"

    for place in range(64):
        yield f"bit {place % 8} of byte {place}", signed_with(flipped(raw, place, place % 8))
    for length in (1, 16, 31, 32, 33, 48, 63):
        yield f"the first {length} bytes", signed_with(raw[:length])
        yield f"the last {length} bytes", signed_with(raw[-length:])
    s = int.from_bytes(raw[32:], "little")
    for times in (1, 2, 7):
        yield (
            f"S and {times} times the order of the group",
            signed_with(raw[:32] + (s + times * GROUP_ORDER).to_bytes(32, "little")),
        )
    yield "minus S", signed_with(raw[:32] + (GROUP_ORDER - s).to_bytes(32, "little"))
    yield "S of zero", signed_with(raw[:32] + bytes(32))
    yield "R of zero", signed_with(bytes(32) + raw[32:])
    yield "R of the identity", signed_with(b"\1" + bytes(31) + raw[32:])
    yield "halves exchanged", signed_with(raw[32:] + raw[:32])
    yield "backwards", signed_with(raw[::-1])
    yield "twice", signed_with(raw * 2)
    yield "and one byte more", signed_with(raw + b"\0")
    yield "and one byte before", signed_with(b"\0" + raw)
    yield "of another token", f"{header}.{payload}.{parts(forge.token(sub='someone-else'))[2]}"


def with_other_claims(forge: Forge, at: datetime) -> Forgeries:
    """The valid signature with a header or claims that were changed after signing."""
    header, payload, signature = parts(forge.token())
    changes: tuple[dict[str, Any], ...] = (
        *({"sub": "admin-2"}, {"sub": ""}, {"username": "eve"}, {"role": "owner"}, {"roles": ["viewer"]}),
        *({"iss": "evil"}, {"roles": ["owner", "editor"]}, {"exp": 4_000_000_000}, {"exp": absent}, {"iat": 0}),
        *({"nbf": 0}, {"aud": ["*"]}, {"sid": "another-session"}, {"jti": "1"}, {"admin": True}, {"sub": absent}),
        {"scope": "everything"},
    )
    for change in changes:
        named = {name: shown(value) for name, value in change.items()}
        yield f"{named}", f"{header}.{segment(forge.claims(**change))}.{signature}"
    claims = decoded(payload)
    for place in range(0, len(claims), max(1, len(claims) // 40)):
        yield f"bit 0 of byte {place}", f"{header}.{segment(flipped(claims, place, 0))}.{signature}"
    for added in (b" ", b"\n", b"\0", b"{}", b"]"):
        yield f"{added!r} behind", f"{header}.{segment(claims + added)}.{signature}"
        yield f"{added!r} before", f"{header}.{segment(added + claims)}.{signature}"
    twice = claims.replace(b"{", b'{"sub": "admin-2", ', 1)
    yield "a claim twice", f"{header}.{segment(twice)}.{signature}"
    yield "no claims", f"{header}.e30.{signature}"
    for change in ({"typ": "JWT"}, {"alg": "none"}, {"kid": "key-0"}, {"zip": "DEF"}, {"b64": False}):
        yield f"header {change}", f"{segment(forge.header(**change))}.{payload}.{signature}"


def encoded_in_another_way(forge: Forge, at: datetime) -> Forgeries:
    """The same bytes in a form that is not base64url (RFC 4648 section 3.5)."""
    header, payload, signature = parts(forge.token())
    last = ALPHABET.index(signature[-1])
    # The last of 86 letters has four unused bits.
    for unused in range(1, 16):
        yield (
            f"unused bits {unused:04b} in the signature",
            f"{header}.{payload}.{signature[:-1]}{ALPHABET[last ^ unused]}",
        )
    for name, written in (
        ("padded", (f"{header}{'=' * (-len(header) % 4)}", f"{payload}{'=' * (-len(payload) % 4)}", f"{signature}==")),
        ("the signature padded", (header, payload, f"{signature}==")),
        ("the signature padded by one", (header, payload, f"{signature}=")),
        ("padded too much", (header, payload, f"{signature}====")),
        ("the signature as hex", (header, payload, decoded(signature).hex())),
        ("a blank within", (header, payload, f"{signature[:40]} {signature[40:]}")),
        ("a tab within", (header, payload, f"{signature[:40]}\t{signature[40:]}")),
        ("a foreign letter within", (header, payload, f"{signature[:40]}!{signature[40:]}")),
        ("a percent escape", (header, payload, f"{signature[:40]}%{ord(signature[40]):02x}{signature[41:]}")),
        ("a comment within", (header, f"{payload}#", signature)),
    ):
        yield name, ".".join(written)


def cut_and_joined(forge: Forge, at: datetime) -> Forgeries:
    """Too few parts, too many, empty ones, or in another order (RFC 7515 section 7.1)."""
    header, payload, signature = parts(forge.token())
    pieces = {"h": header, "p": payload, "s": signature}
    too_few_or_empty = (".p.s", "h..s", "h.p.", "h..", "..s", "h.p", "h.s", "h", "..", "." * 99)
    # Five parts as in an encrypted token, and other orders.
    too_many_or_exchanged = ("h.p.s.", "h.p.s.s", "h..p.s.s", ".h.p.s", "p.h.s", "s.p.h", "h.h.s", "p.p.s")
    for shape in (*too_few_or_empty, *too_many_or_exchanged):
        yield shape, "".join(pieces.get(letter, letter) for letter in shape)
    token = forge.token()
    for share in (0.1, 0.25, 0.5, 0.7, 0.9, 0.99):
        yield f"the first {share:.0%}", token[: int(len(token) * share)]
        yield f"the last {share:.0%}", token[-int(len(token) * share) :]
    yield "twice", f"{token}.{token}"
    yield "two tokens in a row", f"{token},{token}"
    yield "in quotes", f'"{token}"'
    yield "backwards as a whole", token[::-1]
    yield "in upper case", token.upper()
    yield "as JSON", json.dumps({"protected": header, "payload": payload, "signature": signature})
    yield "the scheme twice", f"Bearer {token}"


def too_long_or_too_deep(forge: Forge, at: datetime) -> Forgeries:
    """Long texts and nested JSON."""
    header, payload, signature = parts(forge.token())
    for depth in (500, 2000, 100_000):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            deep, name = opening * depth + b"1" + closing * depth, f"{depth} deep in {opening!r}"
            unended = segment(b'{"alg":"Ed25519","kid":' + opening * depth)
            complete = segment(b'{"alg":"Ed25519","typ":"at+jwt","x":' + deep + b"}")
            yield f"a header that does not end {name}", f"{unended}.{payload}.{signature}"
            yield f"a header {name}", f"{complete}.{payload}.{signature}"
            yield f"claims {name}", forge.signed(forge.header(), b'{"sub":' + deep + b"}")
    for length in (5_000, HUGE):
        late = segment(b'{"exp":' + b"9" * length + b"}")
        yield f"{length} letters", "A" * length
        yield f"{length} letters of signature", f"{header}.{payload}.{'A' * length}"
        yield f"{length} letters of claims", f"{header}.{'A' * length}.{signature}"
        yield f"{length} letters of kid", f"{segment(forge.header(kid='k' * length))}.{payload}.{signature}"
        yield f"{length} digits of exp", f"{header}.{late}.{signature}"
    yield "our own signature, longer than the limit", forge.token(username="a" * 8192)


def in_other_scripts(forge: Forge, at: datetime) -> Forgeries:
    """Letters that look like ours."""
    token = forge.token()
    header, payload, signature = parts(token)
    yield from {
        "full-width dots": token.replace(".", "．"),
        "one-dot leaders": token.replace(".", "․"),
        "a full-width letter": f"{header}.{payload}.{chr(ord(signature[0]) + 0xFEE0)}{signature[1:]}",
        "a Cyrillic letter": f"{header}.{payload}.а{signature[1:]}",
        "a zero-width space": f"{header}.{payload}.{signature[:9]}\u200b{signature[9:]}",
        "a byte order mark": f"\ufeff{token}",
        "a soft hyphen": f"{header}\u00ad.{payload}.{signature}",
        "a no-break space": f"{header}.{payload}.{signature}\u00a0.",
        "a combining accent": f"{header}.{payload}.{signature}\u0301",
        "emoji": "🔑.🔑.🔑",
        "written from right to left": f"\u202e{token}",
    }.items()


KINDS = (
    *(with_a_broken_signature, with_other_claims, encoded_in_another_way, cut_and_joined),
    *(too_long_or_too_deep, in_other_scripts),
)
