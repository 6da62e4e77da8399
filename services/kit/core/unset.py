"""Partial updates: the value of a field that stays as it is, and the values of a document that change nothing."""

from enum import Enum
from typing import Any


class Unset(Enum):
    """The type of UNSET."""

    UNSET = "unset"


UNSET = Unset.UNSET
"""The value of a field that a partial update leaves as it is; None is a value like any other."""


def only_changes(document: Any, stored: Any) -> Any:
    """Return the JSON document with UNSET in place of each text, number, boolean or null that equals the stored one.

    `stored` is the view of the record, as a read answers it. Members of objects are compared by name, items of lists by
    place; a number never equals a boolean.
    """
    if type(document) is not type(stored):
        return document
    if isinstance(document, dict):
        return {
            name: only_changes(value, stored[name]) if name in stored else value for name, value in document.items()
        }
    if isinstance(document, list):
        return [*map(only_changes, document, stored), *document[len(stored) :]]
    return UNSET if document == stored else document
