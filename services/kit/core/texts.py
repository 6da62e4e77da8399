"""What people type, compared by what they see (docs/contract/BEHAVIOUR.md, "Envelope" and "Events").

Released migrations import `lower_form`, `slug_form`, `name_form` and `search_form` from here: the names stay
(docs/traps.md, 3).
"""

import re
import unicodedata
from urllib.parse import urlsplit

# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt: the standard library does not have the property.
_IGNORABLE_RANGES = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
IGNORABLE = frozenset(chr(code) for first, last in _IGNORABLE_RANGES for code in range(first, last + 1))
"""Characters that Unicode shows as nothing by default, such as the zero-width space and the byte order mark."""

LINE_BREAKS = "\n\v\f\r\x85\u2028\u2029"
"""The characters that end a line (Unicode Standard Annex 14: BK, CR, LF and NL)."""

DIRECTION_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Embeddings, overrides and isolates (Annex 9), which reorder what is around them; directional marks do not."""

SEARCHED_BYTES = 2_000

_OUTSIDE_SLUG = re.compile(r"[^a-z0-9]+")


def as_seen(text: str) -> str:
    """Return the text in NFC, without white space and invisible characters at either end."""
    text = composed(text)
    begin, end = 0, len(text)
    while begin < end and is_invisible(text[begin]):
        begin += 1
    while begin < end and is_invisible(text[end - 1]):
        end -= 1
    return text[begin:end]


def is_invisible(character: str) -> bool:
    """Return whether the character is white space or shown as nothing."""
    return character.isspace() or character in IGNORABLE


def composed(text: str) -> str:
    """Return the text in NFC."""
    return unicodedata.normalize("NFC", text)


def slug_form(text: str) -> str:
    """Return the normal form of an event's slug: a-z, 0-9 and single hyphens inside; empty when nothing is left."""
    return _OUTSIDE_SLUG.sub("-", lower_form(text)).strip("-")


def lower_form(text: str) -> str:
    """Return the text as seen and in lower case, the normal form of a lesson's slug."""
    return as_seen(as_seen(text).lower())


def name_form(text: str) -> str:
    """Return the normal form of a user name: canonical caseless matching (Unicode 3.13, D145)."""
    return composed(unicodedata.normalize("NFD", as_seen(text)).casefold())


def is_web_address(text: str) -> bool:
    """Return whether the text is an http or https address with a host."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return valid and not any(each.isspace() for each in text)


def search_form(*texts: str) -> str:
    """Return what searches look into and titles are sorted by: the texts without regard to case, one on each line.

    It ends after 2,000 bytes: PostgreSQL refuses a row whose part in an index is longer than 2,700.
    """
    return "\n".join(map(name_form, texts)).encode()[:SEARCHED_BYTES].decode(errors="ignore")
