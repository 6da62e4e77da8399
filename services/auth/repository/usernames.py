"""Which admin a user name means (docs/contract/BEHAVIOUR.md, "Envelope")."""

from collections.abc import Iterable

from services.auth.entities import Admin
from services.kit.core.texts import name_form


def the_one_named(username: str, admins: Iterable[Admin]) -> Admin | None:
    """Return the admin whom a sign-in by this name means, of admins whose names may be one with it.

    Of stored names that are one each is found by its exact spelling only.
    """
    form = name_form(username)
    alike = [each for each in admins if name_form(each.username) == form]
    if len(alike) == 1:
        return alike[0]
    exact = {each.username: each for each in alike}
    return exact.get(username) or exact.get(username.strip())
