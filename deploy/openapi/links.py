"""Links from what gives an identifier to what takes it. The fuzzer walks along them.

A record of a response is named by the path parameter that names such records: what stands under `item` or `items` by
the parameter below the address that lists its type (its home), another member by its own name (`quiz`, `event`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from deploy.openapi.operations import PublicOperation
from deploy.openapi.schemas import Json, Schemas
from services.kit.web.guards import Guard

# The members of a record that name it, or open it.
NAMING = ("id", "slug", "accessKey")
ACCESS_KEY = "eventAccessKey"
# Secrets of a response, and the member of a body that takes each; the username is taken with a password.
SECRETS = {"refreshToken": "refreshToken", "initialPassword": "password"}
USERNAME = "username"
# The query parameter that takes the id of any record.
SUBJECT = "subjectId"


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

    @property
    def is_open(self) -> bool:
        """Whether learners call it."""
        return self.operation.guard is Guard.OPEN


@dataclass(frozen=True)
class Record:
    """A record of a response: its noun, the expression that reads it, its members, and where it stands."""

    noun: str
    at: str
    members: Json
    holder: str

    @property
    def names(self) -> Json:
        """The expressions of its naming members under the names of parameters, as eventId."""
        return {self.noun + name[0].upper() + name[1:]: f"{self.at}/{name}" for name in NAMING if name in self.members}

    @property
    def references(self) -> Json:
        """The expressions of its members that name other records."""
        return {name: f"{self.at}/{name}" for name in self.members if name.endswith("Id")}


class Links:
    """Makes the links between these operations."""

    def __init__(self, operations: Iterable[Linkable], schemas: Schemas):
        self._operations = list(operations)
        self._schemas = schemas
        self._parameters = {name for each in self._operations for name in each.operation.path_parameters}
        self._homes = dict(self._found_homes())

    def of(self, source: Linkable) -> Json:
        """Return the links of the operation's successful response."""
        links: Json = {}
        for record in self._records(source, source.response or {}, "$response.body#"):
            for target in self._operations:
                if self._may_follow(source, record, target):
                    links.update(self._to_address(source, record, target))
                links.update(self._to_query_or_body(source, record, target))
        for target in self._operations:
            links.update(self._to_secret(source, target))
            links.update(self._to_answers(source, target))
        return links

    def _may_follow(self, source: Linkable, record: Record, target: Linkable) -> bool:
        path = target.operation.path_parameters
        if not path or path[-1] not in record.names:
            # What a record refers to can be read.
            return self._is_reference(record, target) and not source.is_open and record.holder == "item"
        if source.is_open and not target.is_open:
            is_named_by_learners = f"{record.noun}Slug" in self._parameters
            return not is_named_by_learners and target.operation.method in ("GET", "DELETE")
        if record.holder != "items":
            return True
        getters = [each for each in self._operations if self._reads(each, record) and each.is_open == source.is_open]
        return (
            target in getters
            if getters
            else source.is_open == target.is_open and not self._is_elsewhere(source, target)
        )

    def _is_reference(self, record: Record, target: Linkable) -> bool:
        path = target.operation.path_parameters
        reads = target.operation.method == "GET" and target.operation.path.endswith("}")
        return reads and path[-1] in record.references

    def _reads(self, target: Linkable, record: Record) -> bool:
        path = target.operation.path
        return target.operation.method == "GET" and any(path.endswith(f"/{{{name}}}") for name in record.names)

    def _is_elsewhere(self, source: Linkable, target: Linkable) -> bool:
        return target.operation.path.split("/")[:4] != source.operation.path.split("/")[:4]

    def _to_address(self, source: Linkable, record: Record, target: Linkable) -> Json:
        known = {**self._request_path(source), **record.references, **record.names}
        if any(name not in known for name in target.operation.path_parameters):
            return {}
        parameters = {name: known[name] for name in target.operation.path_parameters}
        takes_key, has_key = (ACCESS_KEY in self._members(each.body) for each in (target, source))
        again = {ACCESS_KEY: f"$request.body#/{ACCESS_KEY}"} if takes_key and has_key else {}
        links = {target.id: _link(target, parameters, again)}
        if takes_key and ACCESS_KEY in record.names:
            links[_name(target, ACCESS_KEY)] = _link(target, parameters, {ACCESS_KEY: record.names[ACCESS_KEY]})
        return links

    def _to_query_or_body(self, source: Linkable, record: Record, target: Linkable) -> Json:
        links: Json = {}
        given = {**record.names, **({SUBJECT: f"{record.at}/id"} if "id" in record.members else {})}
        if target is source and record.holder == "items":
            # More of the same list.
            given = {**record.references, **self._nested_ids(record)}
        if (record.holder == "item" and not source.is_open) or target is source:
            links |= {
                _name(target, name): _link(target, {f"query.{name}": given[name]}, {})
                for name in target.query
                if name in given and not target.operation.path_parameters
            }
        needed = self._needed(target)
        known = {**record.references, **record.names}
        if record.holder == "item" and needed & set(record.names) and needed <= set(known):
            links[target.id] = _link(target, {}, {name: known[name] for name in sorted(needed)})
        return links

    def _to_secret(self, source: Linkable, target: Linkable) -> Json:
        given = self._members(source.response)
        if source.operation.declared.is_paged and target is source:
            query = {**self._request_path(source), "cursor": "$response.body#/nextCursor"}
            return {_name(target, "cursor"): _link(target, query, {})}
        for name, taken_as in SECRETS.items():
            if name in given and taken_as in self._required(target) and not target.operation.path_parameters:
                body = {taken_as: f"$response.body#/{name}"}
                if USERNAME in self._members(target.body):
                    body[USERNAME] = f"$response.body#/item/{USERNAME}"
                return {target.id: _link(target, {}, body)}
        return {}

    def _to_answers(self, source: Linkable, target: Linkable) -> Json:
        """Link a quiz to the operation that takes answers to its questions."""
        item = self._members(self._members(source.response).get("item"))
        if "questions" not in item or "answers" not in self._members(target.body) or not source.is_open:
            return {}
        first = "$response.body#/item/questions/0"
        answer = {"questionId": f"{first}/id", "optionId": f"{first}/options/0/id"}
        body = {ACCESS_KEY: f"$request.body#/{ACCESS_KEY}", "answers": [answer]}
        return {target.id: _link(target, self._request_path(source), body)}

    def _records(self, source: Linkable, schema: Json, at: str) -> Iterator[Record]:
        for name, member in self._members(schema).items():
            is_list = "items" in (resolved := self._schemas.resolved(member))
            inner, place = (resolved["items"], f"{at}/{name}/0") if is_list else (member, f"{at}/{name}")
            members = self._members(inner)
            if not members:
                continue
            if name in ("item", "items"):
                noun = self._homes.get(str(inner.get("$ref")))
                if noun:
                    yield Record(noun, place, members, name)
                elif name == "items":
                    yield Record("", place, members, name)
            elif not is_list and f"{name}Slug" not in source.operation.path_parameters:
                yield Record(name, place, members, "member")
            if not is_list:
                yield from self._records(source, inner, place)

    def _found_homes(self) -> Iterator[tuple[str, str]]:
        """Yield each type that an address lists, with the noun of the path parameter below that address."""
        for each in self._operations:
            inner = self._listed(each.response or {})
            path = re.escape(each.operation.path)
            parent = re.escape(each.operation.path.rpartition("/")[0])
            for pattern in (path, parent + "/[^/{]+") if parent.endswith(r"\}") else (path,):
                below = re.compile(pattern + r"/\{(\w+?)(Id|Slug)\}.*")
                found = [found for other in self._operations if (found := below.fullmatch(other.operation.path))]
                if inner and found:
                    yield inner, found[0][1]
                    break

    def _listed(self, schema: Json) -> str | None:
        for name, member in self._members(schema).items():
            if name == "items" and "items" in member:
                return str(member["items"].get("$ref"))
            if "$ref" in member and (inner := self._listed(member)):
                return inner
        return None

    def _nested_ids(self, record: Record) -> Json:
        return {
            f"{name}Id": f"{record.at}/{name}/id"
            for name, member in record.members.items()
            if "id" in self._members(_not_null(member))
        }

    def _needed(self, target: Linkable) -> set[str]:
        return set(self._required(target)) & self._parameters if not target.operation.path_parameters else set()

    def _required(self, target: Linkable) -> list[str]:
        return list(self._schemas.resolved(target.body or {}).get("required", ()))

    def _members(self, schema: Json | None) -> Json:
        return dict(self._schemas.resolved(schema).get("properties", {})) if schema else {}

    def _request_path(self, source: Linkable) -> Json:
        return {name: f"$request.path.{name}" for name in source.operation.path_parameters}


def _link(target: Linkable, parameters: Json, body: Json) -> Json:
    link: Json = {"operationId": target.id, "parameters": parameters, "requestBody": body}
    return {key: value for key, value in link.items() if value}


def _name(target: Linkable, name: str) -> str:
    return f"{target.id}With{name[0].upper()}{name[1:]}"


def _not_null(schema: Json) -> Json:
    return next((each for each in schema.get("oneOf", ()) if each != {"type": "null"}), schema)
