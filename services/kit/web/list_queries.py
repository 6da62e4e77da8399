"""The queries of lists. One declaration reads the parameters, names those there are, and describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from urllib.parse import urlencode

import orjson
from pydantic import BeforeValidator

from services.kit.core.errors import ValidationFailed
from services.kit.web.pages import PageRequest, page_request
from services.kit.web.schemas import OneLineText, Schema, line_length, validated

# The most unknown parameters that a response names.
MOST_NAMED = 10
_BINDING_BYTES = 6

# The parameters as a server's framework gives them: a list of those that were given several times.
Parameters = Mapping[str, Any]


def _flag(value: object) -> bool:
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value == "true"


Keys = Mapping[str, Sequence[type]]
Flag = Annotated[bool, BeforeValidator(_flag)]
Search = Annotated[OneLineText, line_length(1, 200)]


class ListQuery(Schema):
    """The query of a list besides `limit` and `cursor`: its filters, `q`, and `sort` if it has several orders.

    `keys` are the types of the sort key of each order, the first one for a list without `sort`. Without a limit a
    page has `default_limit` items; None: the whole list.
    """

    list_name: ClassVar[str]
    keys: ClassVar[Keys]
    default_limit: ClassVar[int | None] = None


Query = TypeVar("Query", bound=ListQuery)


@dataclass(frozen=True)
class ListRequest(Generic[Query]):
    """A request for a list or a page of it."""

    query: Query
    page: PageRequest
    parameters: Mapping[str, str]

    def link(self, cursor: str | None) -> str | None:
        """Return the header Link to the next page (RFC 8288), relative to the request's address; None without one."""
        if cursor is None:
            return None
        return f'<?{urlencode({**self.parameters, "cursor": cursor})}>; rel="next"'


def list_request(query: type[Query], parameters: Parameters, *parents: str) -> ListRequest[Query]:
    """Read the query of a list below these parents, whose ids are in its address. Raise ValidationFailed."""
    known = [*(field.alias or name for name, field in query.model_fields.items()), "limit", "cursor"]
    refused = {name: _refusal(name, value, known) for name, value in parameters.items()}
    wrong = {name: [refusal] for name, refusal in refused.items() if refusal}
    if wrong:
        raise ValidationFailed(dict([*wrong.items()][:MOST_NAMED]))
    given = dict(parameters)
    read = validated(query, {name: value for name, value in given.items() if name not in ("limit", "cursor")})
    sort = str(getattr(read, "sort", ""))
    page = page_request(
        given.get("limit"),
        given.get("cursor"),
        query.keys[sort.removeprefix("-") or next(iter(query.keys))],
        query.default_limit,
        sort=sort,
        binding=_binding(read, sort, parents),
    )
    return ListRequest(read, page, given)


def _refusal(name: str, value: object, known: Sequence[str]) -> str | None:
    if name not in known:
        return f"is no parameter of this list, which takes {', '.join(known)}"
    return None if isinstance(value, str) else "must be given once"


def _binding(query: ListQuery, sort: str, parents: Sequence[str]) -> str:
    filters = query.model_dump(mode="json", by_alias=True, exclude={"sort"}, exclude_none=True)
    bound = orjson.dumps([query.list_name, parents, sort, filters], option=orjson.OPT_SORT_KEYS)
    return blake2b(bound, digest_size=_BINDING_BYTES).hexdigest()
