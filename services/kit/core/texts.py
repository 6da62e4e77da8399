"""What people type, compared by what they see (docs/contract/BEHAVIOUR.md, "Envelope")."""

import unicodedata

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


def as_seen(text: str) -> str:
    """Return the text in NFC, without white space and invisible characters at either end."""
    composed = unicodedata.normalize("NFC", text)
    visible = [position for position, each in enumerate(composed) if not is_invisible(each)]
    return composed[visible[0] : visible[-1] + 1] if visible else ""


def is_invisible(character: str) -> bool:
    """Return whether the character is white space or shown as nothing."""
    return character.isspace() or character in IGNORABLE
