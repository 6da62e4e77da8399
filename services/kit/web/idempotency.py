"""The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header), its errors, and stored responses."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import orjson

from services.kit.core.errors import Conflict, RequestError, ServiceError, ValidationFailed

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"

# A string of RFC 8941 section 3.3.3; clients also send the key without quotes.
_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x20\x21\x23-\x7e][\x20-\x7e]*")
_MAXIMUM_LENGTH = 255

GROUP_DIGITS = 32


class KeyReused(ServiceError):
    """The key was used with another body."""

    status: ClassVar[int] = 422
    code = "IDEMPOTENCY_KEY_REUSED"
    message = "This Idempotency-Key was sent with another body; send a new key for a new request"


class KeyInFlight(Conflict):
    """A request with this key is in flight."""

    code = "IDEMPOTENCY_KEY_IN_FLIGHT"
    message = "A request with this Idempotency-Key is under way; try again shortly"

    def __init__(self) -> None:
        super().__init__(retry_after=1)


@dataclass(frozen=True)
class IdempotencyKey:
    """The Idempotency-Key of a request; `id` is unique per caller and route, `fingerprint` is a hash of the body.

    An `id` of GROUP_DIGITS alone stands for every id that begins with it: the key in any place of a group. `former` is
    the key under which the release before stored the response.
    """

    id: str
    route: str
    fingerprint: str
    former: "IdempotencyKey | None" = None

    @property
    def group(self) -> str:
        """The beginning of the id; of the keys of one group one is in flight at a time."""
        return self.id[:GROUP_DIGITS]


@dataclass(frozen=True)
class StoredResponse:
    """A response as it is stored; `replayed` if it is sent a second time."""

    status: int
    body: bytes
    entity_tag: str | None = None
    replayed: bool = False


def stored_response(document: object, status: int, entity_tag: str | None = None) -> StoredResponse:
    """Return the response to a first request."""
    return StoredResponse(status, orjson.dumps(document), entity_tag)


def request_key(header: str | None, route: str, caller: str, document: object) -> IdempotencyKey | None:
    """Return the key of a request with this header and JSON body, or None without the header.

    `route` is the method and the public address, `caller` the admin's id, or "" for an anonymous caller. Raise
    ValidationFailed.
    """
    if header is None:
        return None
    key = orjson.dumps([route, caller, _key_text(header)])
    return IdempotencyKey(_sha256(key), route, _sha256(_canonical(document)))


def grouped_key(
    header: str | None, group: Sequence[str], place: str | None, document: object, former: IdempotencyKey | None
) -> IdempotencyKey | None:
    """Return the key of a request in a place of a group, such as a lesson of an event; None without the header.

    Without the place it is the key in any place of the group. Raise ValidationFailed.
    """
    if header is None:
        return None
    begin = _sha256(orjson.dumps([*group, _key_text(header)]))[:GROUP_DIGITS]
    end = "" if place is None else _sha256(place.encode())[:GROUP_DIGITS]
    return IdempotencyKey(begin + end, " ".join(group), _sha256(_canonical(document)), former)


def _key_text(header: str) -> str:
    quoted = _QUOTED.fullmatch(header)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header
    if not 1 <= len(key) <= _MAXIMUM_LENGTH or not (quoted or _BARE.fullmatch(header)):
        text = f"must be 1 to {_MAXIMUM_LENGTH} printable ASCII characters, as they are or in double quotes"
        raise ValidationFailed({KEY_HEADER: [text]})
    return key


def _canonical(document: object) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # It was parsed, so it must be deeper than orjson writes.
        raise RequestError(f"The body is nested too deeply for an {KEY_HEADER}") from None


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
