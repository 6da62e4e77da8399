"""Hundreds of forged access tokens, each with the name of its trick; most are described in RFC 8725."""

from datetime import datetime

from tests.kit.forgeries import changes, claims, keys
from tests.kit.forging import Forge

KINDS = (*keys.KINDS, *claims.KINDS, *changes.KINDS)


def forgeries(forge: Forge, at: datetime) -> dict[str, str]:
    """Return all forgeries of the tokens that this key signs at that time, by the names of their tricks."""
    return {f"{kind.__name__}: {trick}": token for kind in KINDS for trick, token in kind(forge, at)}
