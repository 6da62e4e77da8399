"""The lookup of a record by its slug, however it is spelled, of others with the same normal form; and former slugs."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import peewee
from peewee import fn

from services.content.models import EventRow, FormerEventSlugRow, FormerLessonSlugRow, LessonRow
from services.kit.core.ids import new_id
from services.kit.core.texts import lower_form, search_form, slug_form
from services.kit.storage.statements import Insertion, Parameter, Statement, Write

FORMS: Mapping[type[EventRow | LessonRow], Callable[[str], str]] = {EventRow: slug_form, LessonRow: lower_form}
"""The function that makes the normal form of each table's slugs."""


def by_slug(query: Any, table: type[EventRow | LessonRow], *age: peewee.Field, former_owner: Any = None) -> Any:
    """Return the select of the row with this spelling, else of the oldest with its normal form; see `spellings`.

    `former_owner` selects the id of the row that had a slug of this form before, which is found after all others.
    """
    typed, lowered = table.slug == Parameter("typed"), table.slug == Parameter("lowered")
    of_form = table.slug_form == Parameter("form")
    matches = typed | lowered | of_form
    if former_owner is not None:
        matches |= table.id == former_owner
    nearness = peewee.Case(None, [(typed, 0), (lowered, 1), (of_form, 2)], 3)
    return query.where(matches).order_by(nearness, *age).limit(1)


def spellings(table: type[EventRow | LessonRow], text: str) -> dict[str, object]:
    """Return the parameters of `by_slug` for a slug as it was typed."""
    return {"typed": text, "lowered": text.strip().lower(), "form": stored_form(table, text)}


def stored_form(table: type[EventRow | LessonRow], slug: str) -> str | None:
    """Return the normal form as the table stores it: None for a slug of which nothing is left."""
    return FORMS[table](slug) or None


def columns(table: type[EventRow | LessonRow]) -> list[Any]:
    """Return the columns of the table that are fields of its record."""
    return [each for each in table._meta.sorted_fields if each.name not in ("slug_form", "search_form")]


def forms(table: type[EventRow | LessonRow], title: str, slug: str) -> dict[str, str | None]:
    """Return the other columns: the normal form of the slug, and what searches look into."""
    return {"slug_form": stored_form(table, slug), "search_form": search_form(title, slug)}


class _Claim(NamedTuple):
    is_taken: bool
    is_former: bool


class SlugForms:
    """Which records have a normal form now, and which one had it before.

    `others` selects those that have it now beside its owner, and `scope` are the columns within which a former one is
    unique. Write only after the change feed was appended to: its lock makes concurrent writers follow one another.
    """

    def __init__(
        self,
        database: peewee.Database,
        others: Any,
        former: type[FormerEventSlugRow | FormerLessonSlugRow],
        *scope: peewee.Field,
    ):
        of_form = [each == Parameter(each.name) for each in (former.slug_form, *scope)]
        had_it = former.select(former.id).where(*of_form)
        flags = [fn.EXISTS(others).alias("is_taken"), fn.EXISTS(had_it).alias("is_former")]
        self._claim = Statement(database, peewee.Select(columns=flags), _Claim)
        self._deletion = Write(database, former.delete().where(*of_form))
        self._insertion = Insertion(database, former)

    def take(self, form: str | None, **owner: str) -> bool:
        """Take the form from its former owner for good; return whether no other record has it now."""
        claim = self._claim.first(slug_form=form, **owner)
        if claim is not None and claim.is_former:
            self._deletion.run(slug_form=form, **owner)
        return claim is None or not claim.is_taken

    def leave(self, form: str, **owner: str) -> None:
        """Store that the owner had the form before, unless another record has it now, as in old installations."""
        if self.take(form, **owner):
            self._insertion.run(id=new_id(), slug_form=form, **owner)
