"""Texts that a parser might choke on."""

from datetime import datetime

from tests.kit.forgeries.parts import Forgeries, parts, signed
from tests.kit.forging import Forge, segment

# Longer than that no header may be at the gateway; the verifier itself must stand it.
HUGE = 1_000_000


def out_of_all_proportion(forge: Forge, at: datetime) -> Forgeries:
    """Long, deep, or both."""
    header, payload, signature = parts(forge.token())
    for depth in (500, 2000, 100_000):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            deep, name = opening * depth + b"1" + closing * depth, f"{depth} deep in {opening!r}"
            unended = segment(b'{"alg":"Ed25519","kid":' + opening * depth)
            whole = segment(b'{"alg":"Ed25519","typ":"at+jwt","x":' + deep + b"}")
            yield f"a header that does not end {name}", f"{unended}.{payload}.{signature}"
            yield f"a header {name}", f"{whole}.{payload}.{signature}"
            yield f"claims {name}", signed(forge, forge.header(), b'{"sub":' + deep + b"}")
    for length in (5_000, HUGE):
        late = segment(b'{"exp":' + b"9" * length + b"}")
        yield f"{length} letters", "A" * length
        yield f"{length} letters of signature", f"{header}.{payload}.{'A' * length}"
        yield f"{length} letters of claims", f"{header}.{'A' * length}.{signature}"
        yield f"{length} letters of kid", f"{segment(forge.header(kid='k' * length))}.{payload}.{signature}"
        yield f"{length} digits of exp", f"{header}.{late}.{signature}"


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
