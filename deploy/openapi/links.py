"""Links from a response that names a record to the operations that take this name. The fuzzer walks along them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.openapi.operations import PublicOperation
from deploy.openapi.schemas import COMPONENTS, Json, Schemas

ACCESS_KEY = "eventAccessKey"
_ANSWER = {"questionId": "item/questions/0/id", "optionId": "item/questions/0/options/0/id"}

# What each view names: the parameter or the member of a body that takes it, and the place of its value in the view.
NAMES: Mapping[str, Mapping[str, Any]] = {
    "Event": {"eventId": "id", "eventSlug": "slug", ACCESS_KEY: "accessKey", "subjectId": "id"},
    "PublicEvent": {"eventSlug": "slug"},
    "Catalog": {"lessonSlug": "catalog/items/0/slug"},
    "ReadCatalog": {"lessonSlug": "catalog/items/0/slug"},
    "Lesson": {"lessonId": "id", "subjectId": "id"},
    "Material": {"materialId": "id", "subjectId": "id"},
    "Quiz": {"quizId": "id", "subjectId": "id"},
    "LearnerQuizItem": {"answers": [_ANSWER]},
    "Submission": {"quizId": "quiz/id"},
    "Person": {"userId": "id", "subjectId": "id"},
    "Invitation": {"userId": "item/id", "username": "item/username", "password": "initialPassword"},
    "SignIn": {"userId": "user/id", "refreshToken": "refreshToken"},
    "AuditEntry": {"actorId": "actor/id", "subjectId": "subjectId"},
}
_ALL_NAMES = {name for names in NAMES.values() for name in names}
# What names nothing without another name.
_NOT_ALONE = "username"


@dataclass(frozen=True)
class Described:
    """An operation with the schemas of its query parameters by name, of its body, and of its response."""

    operation: PublicOperation
    query: Json
    body: Json | None
    response: Json | None


def links(source: Described, targets: Iterable[Described], schemas: Schemas) -> Json:
    """Return the links of the successful response of `source`."""
    from_request = _from_request(source, schemas)
    found: Json = {}
    if source.operation.declared.is_paged:
        cursor = {**from_request, "cursor": "$response.body#/nextCursor"}
        found[f"{source.operation.declared.id}WithCursor"] = _link(source, cursor, {})
    for view, place in _views(source, schemas):
        own = {name: _expression(place, value) for name, value in NAMES[view].items()}
        members = schemas.components[view]["properties"]
        references = {name: f"{place}/{name}" for name in members if name.endswith("Id")}
        for target in targets:
            if _may_follow(place, source, target):
                found |= _links_to(target, own, {**from_request, **references, **own}, schemas)
    return found


def _may_follow(place: str, source: Described, target: Described) -> bool:
    # A record that the request has not made may be needed by others.
    is_listed = place.endswith("/items/0") and source.operation.method == "GET"
    return not (is_listed and target.operation.method in ("PUT", "DELETE"))


def _links_to(target: Described, own: Json, known: Json, schemas: Schemas) -> Json:
    """Return a link if every needed name is known and the view names the last; else one for each query parameter."""
    operation = target.operation
    body = _members(target.body, schemas)
    required = schemas.resolved(target.body).get("required", ()) if target.body else ()
    needed = [*operation.path_parameters, *(name for name in required if name in _ALL_NAMES)]
    if not needed:
        return {
            f"{operation.declared.id}With{name[0].upper()}{name[1:]}": _link(target, {f"query.{name}": own[name]}, {})
            for name in target.query
            if name in own
        }
    if any(name not in known for name in needed) or needed[-1] not in {*own} - {_NOT_ALONE}:
        return {}
    parameters = {name: known[name] for name in operation.path_parameters}
    members = {name: known[name] for name in body if name in known and name in _ALL_NAMES}
    return {operation.declared.id: _link(target, parameters, members)}


def _views(source: Described, schemas: Schemas) -> Iterator[tuple[str, str]]:
    """Yield the views of the response that NAMES holds, and where they are."""
    members = _members(source.response, schemas)
    listed = members.get("items", {}).get("items")
    for schema, place in ((source.response, ""), (members.get("item"), "/item"), (listed, "/items/0")):
        view = str((schema or {}).get("$ref", "")).removeprefix(COMPONENTS)
        if view in NAMES:
            yield view, f"$response.body#{place}"


def _from_request(source: Described, schemas: Schemas) -> Json:
    path = {name: f"$request.path.{name}" for name in source.operation.path_parameters}
    has_key = ACCESS_KEY in _members(source.body, schemas)
    return {**path, ACCESS_KEY: f"$request.body#/{ACCESS_KEY}"} if has_key else path


def _expression(place: str, value: Any) -> Any:
    match value:
        case list():
            return [_expression(place, each) for each in value]
        case dict():
            return {name: _expression(place, each) for name, each in value.items()}
        case _:
            return f"{place}/{value}"


def _link(target: Described, parameters: Json, body: Json) -> Json:
    link: Json = {"operationId": target.operation.declared.id, "parameters": parameters, "requestBody": body}
    return {key: value for key, value in link.items() if value}


def _members(schema: Json | None, schemas: Schemas) -> Json:
    return dict(schemas.resolved(schema).get("properties", {})) if schema else {}
