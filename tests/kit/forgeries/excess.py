"""Texts that a parser might fail on."""

from datetime import datetime

from tests.kit.forging import Forge, Forgeries, parts, segment

# The gateway refuses such headers before the verifier; the verifier must withstand them on its own.
HUGE = 1_000_000


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


KINDS = (too_long_or_too_deep, in_other_scripts)
