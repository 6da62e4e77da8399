"""The lookup of a record by its slug, however it is spelled, and of others with the same normal form."""

from collections.abc import Callable, Mapping
from typing import Any

import peewee

from services.content.models import EventRow, LessonRow
from services.kit.core.texts import lower_form, search_form, slug_form
from services.kit.storage.statements import Parameter

FORMS: Mapping[type[EventRow | LessonRow], Callable[[str], str]] = {EventRow: slug_form, LessonRow: lower_form}
"""The function that makes the normal form of each table's slugs."""


def by_slug(query: Any, table: type[EventRow | LessonRow], *age: peewee.Field) -> Any:
    """Return the select of the row with this spelling, else of the oldest with its normal form; see `spellings`."""
    typed, lowered = table.slug == Parameter("typed"), table.slug == Parameter("lowered")
    of_form = table.slug_form == Parameter("form")
    nearness = peewee.Case(None, [(typed, 0), (lowered, 1)], 2)
    return query.where(typed | lowered | of_form).order_by(nearness, *age).limit(1)


def spellings(table: type[EventRow | LessonRow], text: str) -> dict[str, object]:
    """Return the parameters of `by_slug` for a slug as it was typed."""
    return {"typed": text, "lowered": text.strip().lower(), "form": stored_form(table, text)}


def stored_form(table: type[EventRow | LessonRow], slug: str) -> str | None:
    """Return the normal form as the table stores it: None where nothing is left, which no other slug is like."""
    return FORMS[table](slug) or None


def columns(table: type[EventRow | LessonRow]) -> list[Any]:
    """Return the columns of the table that are fields of its record."""
    return [each for each in table._meta.sorted_fields if each.name not in ("slug_form", "search_form")]


def forms(table: type[EventRow | LessonRow], title: str, slug: str) -> dict[str, str | None]:
    """Return the other columns: the normal form of the slug, and what searches look into."""
    return {"slug_form": stored_form(table, slug), "search_form": search_form(title, slug)}
