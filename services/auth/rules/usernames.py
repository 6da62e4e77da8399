"""User names, compared by what people see (docs/contract/BEHAVIOUR.md, "Envelope")."""

import unicodedata
from collections.abc import Iterable

from services.auth.entities import Admin
from services.kit.core.texts import as_seen


def username_key(username: str) -> str:
    """Return what is equal for two names that are one: canonical caseless matching (Unicode 3.13, D145).

    Migration 006 imports it under this name.
    """
    folded = unicodedata.normalize("NFD", as_seen(username)).casefold()
    return unicodedata.normalize("NFC", folded)


def the_one_named(username: str, admins: Iterable[Admin]) -> Admin | None:
    """Return the admin whom a sign-in by this name means, of admins whose names may be one with it.

    Of stored names that are one each is found by its exact spelling only.
    """
    key = username_key(username)
    alike = [each for each in admins if username_key(each.username) == key]
    if len(alike) == 1:
        return alike[0]
    exact = {each.username: each for each in alike}
    return exact.get(username) or exact.get(username.strip())
