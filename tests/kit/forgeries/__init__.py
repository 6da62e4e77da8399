"""Forged access tokens by the hundred, each with the name of its trick; RFC 8725 tells of most of them."""

from collections.abc import Callable
from datetime import datetime

from tests.kit.forgeries.changes import (
    cut_and_glued,
    with_a_broken_signature,
    with_other_claims,
    written_in_another_way,
)
from tests.kit.forgeries.claims import (
    critical,
    from_or_for_others,
    incomplete,
    no_claims_at_all,
    of_another_kind,
    out_of_time,
)
from tests.kit.forgeries.excess import in_other_scripts, out_of_all_proportion
from tests.kit.forgeries.keys import (
    between_services,
    keyed_with_what_is_public,
    under_other_key_ids,
    unsigned,
    with_a_key_of_their_own,
)
from tests.kit.forgeries.parts import Forgeries
from tests.kit.forging import Forge

KINDS: tuple[Callable[[Forge, datetime], Forgeries], ...] = (
    unsigned,
    keyed_with_what_is_public,
    of_another_kind,
    from_or_for_others,
    under_other_key_ids,
    out_of_time,
    critical,
    with_a_key_of_their_own,
    with_a_broken_signature,
    with_other_claims,
    written_in_another_way,
    cut_and_glued,
    incomplete,
    no_claims_at_all,
    between_services,
    out_of_all_proportion,
    in_other_scripts,
)


def forgeries(forge: Forge, at: datetime) -> dict[str, str]:
    """Every forgery that can be made around this key and the token that it signs at that time."""
    made: dict[str, str] = {}
    for kind in KINDS:
        for trick, token in kind(forge, at):
            made[f"{kind.__name__}: {trick}"] = token
    return made
