"""Links from what gives an identifier to what takes it. The fuzzer walks along them.

A response gives its members whose names end in one of IDENTIFYING. The `id`, `slug` and `accessKey` of a record are
given under the record's name as well (`eventId`): the name of the member that holds it, or that of the path parameter
which names such a record.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy.openapi.operations import PublicOperation
from deploy.openapi.schemas import Json, Schemas
from services.kit.web.guards import Guard

IDENTIFYING = ("Id", "Slug", "refreshToken", "eventAccessKey", "cursor", "password")
# Taken with an identifier, never alone: a link to an invitation with a name that is taken leads nowhere.
TAKEN_ALONG = ("username",)
# Members that operations take under another name.
OTHER_NAMES = {"nextCursor": "cursor", "initialPassword": "password"}
RECORD_MEMBERS = ("id", "slug", "accessKey")

Given = Mapping[str, str]
"""Expressions of OpenAPI by the names under which they can be taken."""


@dataclass(frozen=True)
class Linkable:
    """An operation with the names of its query parameters, the schema of its body, and that of its response."""

    operation: PublicOperation
    query: Sequence[str]
    body: Json | None
    response: Json | None

    @property
    def id(self) -> str:
        """The operationId."""
        return self.operation.declared.id


class Links:
    """Makes the links between these operations."""

    def __init__(self, operations: Iterable[Linkable], schemas: Schemas):
        self._operations = list(operations)
        self._schemas = schemas

    def of(self, source: Linkable) -> Json:
        """Return the links of the operation's successful response."""
        given = self._given(source)
        links: Json = {}
        for target in self._operations:
            links.update(self._between(source, target, given))
        return links

    def _between(self, source: Linkable, target: Linkable, given: Given) -> Json:
        asked = {**self._of_request(source), **given}
        path = target.operation.path_parameters
        if any(name not in asked for name in path):
            return {}
        parameters = {name: asked[name] for name in path}
        names_record = any(name in given for name in path)
        links: Json = {}
        required, optional = self._bodies(target, given)
        if names_record or required:
            links[target.id] = _link(target, parameters, required)
        if optional and (names_record or not path):
            links[_name(target, next(iter(optional)))] = _link(target, parameters, {**required, **optional})
        elif names_record and not required:
            # Send again what the client sent with the request, as its access key.
            again = {name: asked[name] for name in self._members(target.body) if _identifies(name) and name in asked}
            links[target.id] = _link(target, parameters, again)
        for name in target.query:
            if name in given and not names_record and (name != "cursor" or target is source):
                query = {**parameters, f"query.{name}": given[name]}
                links[_name(target, name)] = _link(target, query, {})
        return links

    def _bodies(self, target: Linkable, given: Given) -> tuple[Json, Json]:
        """Return the required and the optional members of the target's body that the response gives."""
        members = self._members(target.body)
        needed = self._schemas.resolved(target.body or {}).get("required", [])
        body = {name: given[name] for name in members if name in given}
        for name, schema in members.items():
            inner = self._members(schema.get("items", {}))
            if inner and all(each in given for each in inner):
                body[name] = [{each: given[each] for each in inner}]  # type: ignore[assignment]
        required = {name: value for name, value in body.items() if name in needed}
        if any(_identifies(name) and name not in required for name in needed) or set(required) <= set(TAKEN_ALONG):
            required = {}
        return required, {name: value for name, value in body.items() if name not in needed}

    def _members(self, schema: Json | None) -> Json:
        return dict(self._schemas.resolved(schema).get("properties", {})) if schema else {}

    def _of_request(self, source: Linkable) -> Given:
        body = {name: f"$request.body#/{name}" for name in self._members(source.body) if _identifies(name)}
        return {**body, **{name: f"$request.path.{name}" for name in source.operation.path_parameters}}

    def _given(self, source: Linkable) -> Given:
        given: dict[str, str] = {}
        # The first of a name is the nearest to the top.
        for name, expression in self._walk(source, source.response or {}, "$response.body#", []):
            given.setdefault(name, expression)
        return given

    def _walk(self, source: Linkable, schema: Json, at: str, nouns: Sequence[str]) -> Iterator[tuple[str, str]]:
        members = self._members(schema)
        for name in members:
            if _identifies(name) or name in OTHER_NAMES or name in TAKEN_ALONG:
                yield OTHER_NAMES.get(name, name), f"{at}/{name}"
        for name in members:
            if name in RECORD_MEMBERS:
                yield from ((noun + name[0].upper() + name[1:], f"{at}/{name}") for noun in nouns)
        if "id" in members and source.operation.guard is not Guard.OPEN:
            # An entry of the audit log names any record as its subject.
            yield "subjectId", f"{at}/id"
        for name, member in members.items():
            record = _not_null(self._schemas.resolved(member))
            of_address = name in ("item", "items")
            inner_nouns = self._nouns(source, name) if of_address else [name.removesuffix("s")]
            inner, place = (record["items"], f"{at}/{name}/0") if "items" in record else (record, f"{at}/{name}")
            yield from self._walk(source, inner, place, inner_nouns)

    def _nouns(self, source: Linkable, name: str) -> list[str]:
        """Return the nouns of the records under `item` or `items` of the address."""
        path = source.operation.path
        below = self._parameters_below(re.escape(path))
        if not below and name == "items":
            below = self._parameters_below(re.escape(path.rpartition("/")[0]) + "/[^/{]+")
        if not below and name == "item":
            below = [each for each in source.operation.path_parameters[-1:] if each.endswith("Id")]
        return list(dict.fromkeys(each.removesuffix("Id").removesuffix("Slug") for each in below))

    def _parameters_below(self, pattern: str) -> list[str]:
        below = re.compile(pattern + r"/\{(\w+)\}.*")
        return [found[1] for each in self._operations if (found := below.fullmatch(each.operation.path))]


def _link(target: Linkable, parameters: Given, body: Given) -> Json:
    link: Json = {"operationId": target.id, "parameters": dict(parameters), "requestBody": dict(body)}
    return {key: value for key, value in link.items() if value}


def _name(target: Linkable, name: str) -> str:
    return f"{target.id}With{name[0].upper()}{name[1:]}"


def _identifies(name: str) -> bool:
    return name.endswith(IDENTIFYING)


def _not_null(schema: Json) -> Json:
    return next((each for each in schema.get("oneOf", ()) if each != {"type": "null"}), schema)
