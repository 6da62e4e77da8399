"""Join the document: the frame, and a path item for every row of the gateway's routes table."""

from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from deploy.openapi.links import Linkable, Links
from deploy.openapi.operations import PublicOperation, public_operations
from deploy.openapi.refusals import Refusals, error_schemas, errors_of_kind
from deploy.openapi.schemas import COMPONENTS, Json, Schemas
from services.kit.web.guards import Guard

DOCUMENT = Path(__file__).parents[2] / "gateway" / "openapi.yaml"
COMMAND = "make openapi"
_FRAME = Path(__file__).with_name("frame.yaml")
_HEADING = (
    f"# Made by `{COMMAND}` from gateway/routes.py, the @Operation declarations and deploy/openapi/frame.yaml.\n"
    "# Do not edit: a test makes it anew and compares.\n"
)
_ADMIN_TAGS = {"users": "people", "audit": "audit", "dashboard": "dashboard", "integrity": "dashboard"}
# Wide enough for one line for each leaf, so that a difference shows what changed.
_WIDTH = 1000


def document_text() -> str:
    """Return the document as YAML. Raise MissingDeclaration."""
    return _HEADING + yaml.dump(
        document(), Dumper=_Dumper, sort_keys=False, allow_unicode=False, width=_WIDTH, default_flow_style=None
    )


def document() -> Json:
    """Return the document. Raise MissingDeclaration."""
    frame: Json = yaml.safe_load(_FRAME.read_text())
    operations = public_operations()
    errors = list(dict.fromkeys(error for each in operations for error in (*each.errors, *errors_of_kind(each))))
    schemas = Schemas(_types(operations, [error.members for error in errors if error.members]))
    components = frame["components"]
    envelope = components["schemas"]["Error"]
    refusals = Refusals()
    linkables = [
        Linkable(
            each,
            [parameter["name"] for parameter in _query(each, schemas) if "name" in parameter] + _paging_names(each),
            _body_schema(each, schemas),
            schemas.reference(each.declared.response) if each.declared.response else None,
        )
        for each in operations
    ]
    links = Links(linkables, schemas)
    paths: Json = {}
    for linkable in linkables:
        path_item = paths.setdefault(linkable.operation.path, _path_item(linkable.operation))
        path_item[linkable.operation.method.lower()] = _operation(linkable, schemas, refusals, links)
    names = dict.fromkeys(name for each in operations for name in each.path_parameters)
    components["parameters"] |= {
        name: {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    }
    components["responses"] = dict(sorted(refusals.components.items()))
    all_schemas = {**components["schemas"], **error_schemas(errors, schemas, envelope), **schemas.components}
    components["schemas"] = _referred(all_schemas, paths, components["responses"])
    del frame["components"]
    return {**frame, "paths": paths, "components": components}


def _referred(schemas: Json, *users: Json) -> Json:
    """Return the schemas that the users refer to, directly or through one another."""
    found: set[str] = set()
    to_read: list[Any] = list(users)
    while to_read:
        node = to_read.pop()
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix(COMPONENTS)
            if name in schemas and name not in found:
                found.add(name)
                to_read.append(schemas[name])
        to_read += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return {name: schemas[name] for name in sorted(found)}


def _types(operations: list[PublicOperation], members: list[type]) -> list[Any]:
    responses = [each.declared.response for each in operations if each.declared.response]
    queries = [each.declared.query for each in operations if each.declared.query]
    return [*responses, *queries, *chain.from_iterable(each.bodies for each in operations), *members]


def _path_item(operation: PublicOperation) -> Json:
    parameters = [{"$ref": f"#/components/parameters/{name}"} for name in operation.path_parameters]
    return {"parameters": parameters} if parameters else {}


def _operation(linkable: Linkable, schemas: Schemas, refusals: Refusals, links: Links) -> Json:
    operation, declared = linkable.operation, linkable.operation.declared
    document: Json = {"operationId": declared.id, "tags": [_tag(operation)], **_security(operation)}
    document["summary"] = declared.summary
    if declared.description:
        document["description"] = " ".join(declared.description.split())
    parameters = [*_parameters(operation), *_query(operation, schemas)]
    if parameters:
        document["parameters"] = parameters
    if linkable.body is not None:
        content = {"application/json": {"schema": linkable.body}}
        document["requestBody"] = {"required": not operation.body_is_optional, "content": content}
    success = _success(linkable, links)
    document["responses"] = {str(declared.status): success, **dict(sorted(refusals.responses(operation).items()))}
    return document


def _security(operation: PublicOperation) -> Json:
    if operation.guard is not Guard.OPEN:
        return {"x-role": operation.guard.value}
    # An empty requirement makes the other optional (OpenAPI 3.1, Security Requirement Object).
    return {"security": [{}, {"learnerGrant": []}] if operation.takes_learner_grant else []}


def _tag(operation: PublicOperation) -> str:
    segments = [each for each in operation.path.split("/") if each and not each.startswith("{")]
    if segments[0] == "health":
        return "health"
    if segments[1] == "admin":
        return _ADMIN_TAGS.get(segments[2], "auth")
    if operation.guard is Guard.OPEN:
        return "public"
    return next(each for each in reversed(segments) if each in ("events", "lessons", "materials", "quizzes"))


def _parameters(operation: PublicOperation) -> list[Json]:
    declared = operation.declared
    names = {
        "limit": declared.is_paged,
        "cursor": declared.is_paged,
        "idempotencyKey": declared.takes_idempotency_key,
        "ifMatch": declared.takes_if_match,
    }
    return [{"$ref": f"#/components/parameters/{name}"} for name, is_taken in names.items() if is_taken]


def _paging_names(operation: PublicOperation) -> list[str]:
    return ["cursor"] if operation.declared.is_paged else []


def _query(operation: PublicOperation, schemas: Schemas) -> list[Json]:
    if operation.declared.query is None:
        return []
    properties = schemas.resolved(schemas.reference(operation.declared.query))["properties"]
    parameters = []
    for name, nullable in properties.items():
        schema = _required(nullable)
        described = {"description": schema.pop("description")} if "description" in schema else {}
        if name not in ("limit", "cursor"):
            parameters.append({"name": name, "in": "query", **described, "schema": schema})
    return parameters


def _required(schema: Json) -> Json:
    """Return the schema without null: an absent query parameter is null in Python only."""
    schema = dict(schema)
    if "oneOf" in schema:
        (alternative,) = [each for each in schema.pop("oneOf") if each != {"type": "null"}]
        return {**alternative, **schema}
    if isinstance(schema.get("type"), list):
        (schema["type"],) = [each for each in schema["type"] if each != "null"]
    return schema


def _body_schema(operation: PublicOperation, schemas: Schemas) -> Json | None:
    if not operation.bodies:
        return None
    if len(operation.bodies) == 1:
        return schemas.reference(operation.bodies[0])
    # Two services read the same body.
    parts = [schemas.resolved(schemas.reference(body)) for body in operation.bodies]
    required = [name for part in parts for name in part.get("required", ())]
    properties = {name: schema for part in parts for name, schema in part["properties"].items()}
    name = operation.declared.id[0].upper() + operation.declared.id[1:] + "Body"
    schemas.components[name] = {"type": "object", "required": required, "properties": properties}
    return {"$ref": COMPONENTS + name}


def _success(linkable: Linkable, links: Links) -> Json:
    declared = linkable.operation.declared
    headers = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
    if declared.gives_entity_tag:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if declared.takes_idempotency_key:
        headers["Idempotency-Replayed"] = {"$ref": "#/components/headers/IdempotencyReplayed"}
    response: Json = {"description": f"{HTTPStatus(declared.status).phrase}.", "headers": headers}
    if linkable.response is not None:
        response["content"] = {"application/json": {"schema": linkable.response}}
    made = links.of(linkable)
    return {**response, "links": made} if made else response


class _Dumper(yaml.SafeDumper):
    """Writes the same value twice rather than an alias, and texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
