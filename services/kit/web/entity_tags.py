"""Entity tags (RFC 9110 section 8.8.3): names for the states of a record, and conditional writes."""

import re
from datetime import datetime
from typing import Protocol

from services.kit.core.errors import PreconditionFailed, ValidationFailed
from services.kit.core.instants import to_milliseconds

# The states in which a record may be changed: None for any, as without the header.
IfMatch = frozenset[str] | None

ANY_STATE: IfMatch = None

_OPAQUE = r'"[\x21\x23-\x7e\x80-\xff]*"'
_TAG = rf"(?:W/)?{_OPAQUE}"
_TAGS = re.compile(rf"\s*{_TAG}\s*(?:,\s*{_TAG}\s*)*")


class Versioned(Protocol):
    """A record with a version."""

    @property
    def version(self) -> int:
        """The number of writes."""

    @property
    def updated_at(self) -> datetime:
        """The instant of the last write."""


def entity_tag(record: Versioned) -> str:
    """Return the strong tag of the record's state.

    The tag contains the instant because a restored backup may reach the same version a second time.
    """
    return f'"{record.version}-{to_milliseconds(record.updated_at):x}"'


def if_match(header: str | None) -> IfMatch:
    """Return the states that an If-Match header names; `*` names any. Raise ValidationFailed if it is malformed.

    A weak tag names the same state as the strong one. By RFC 9110 section 13.1.1 it would name none; but a proxy that
    compresses makes our tags weak, and they are of records, not of bytes.
    """
    if header is None or header.strip() == "*":
        return ANY_STATE
    if not _TAGS.fullmatch(header):
        raise ValidationFailed({"If-Match": ['must be * or ETags in quotes, such as "3-19d3f2a81c0"']})
    return frozenset(re.findall(_OPAQUE, header))


def require_match(record: Versioned, states: IfMatch) -> None:
    """Raise PreconditionFailed unless the record is in one of the states."""
    if states is not None and entity_tag(record) not in states:
        raise PreconditionFailed
