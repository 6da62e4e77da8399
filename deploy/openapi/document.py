"""Join the document: the frame, and a path item for every row of the gateway's routes table."""

import json
from pathlib import Path
from typing import Any

import yaml

from deploy.openapi.examples import Example, examples
from deploy.openapi.links import Described, links
from deploy.openapi.operations import PublicOperation, public_operations
from deploy.openapi.refusals import error_schemas, refusals, response, response_name
from deploy.openapi.schemas import COMPONENTS, Json, Schemas
from services.kit.core.version import VERSION
from services.kit.web.guards import Guard
from services.kit.web.tokens.access import ROLES

DOCUMENT = Path(__file__).parents[2] / "gateway" / "openapi.yaml"
DOCUMENT_JSON = DOCUMENT.with_suffix(".json")
COMMAND = "make openapi"
_FRAME = Path(__file__).with_name("frame.yaml")
_HEADING = (
    f"# Made by `{COMMAND}` from gateway/routes.py, the @Operation declarations and deploy/openapi/frame.yaml.\n"
    "# Do not edit: a test makes it anew and compares.\n"
)
_FIRST_PARTS = {"health": "health", "docs": "front door", "openapi.json": "front door", "openapi.yaml": "front door"}
_ADMIN_TAGS = {"users": "people", "audit": "audit", "dashboard": "dashboard", "integrity": "dashboard"}
# The headers of a response that a cache may keep.
_OF_CACHES = {"ETag": "State", "Cache-Control": "CacheControl"}
# Wide enough for one line for each leaf, so that a difference shows what changed.
_WIDTH = 1000


def document_text() -> str:
    """Return the document as YAML. Raise MissingDeclaration."""
    return _HEADING + yaml.dump(
        document(), Dumper=_Dumper, sort_keys=False, allow_unicode=False, width=_WIDTH, default_flow_style=None
    )


def document_json() -> str:
    """Return the document as JSON, in one line. Raise MissingDeclaration."""
    return json.dumps(document(), separators=(",", ":")) + "\n"


def document() -> Json:
    """Return the document. Raise MissingDeclaration."""
    frame: Json = yaml.safe_load(_FRAME.read_text())
    frame["info"]["version"] = VERSION
    components = frame.pop("components")
    operations = public_operations()
    refused = [errors for each in operations for errors in refusals(each).values()]
    errors = dict.fromkeys(error for each in refused for error in each)
    schemas = Schemas([*_types(operations), *(error.members for error in errors if error.members)])
    described = [_described(each, schemas) for each in operations]
    shown = examples()
    paths: Json = {}
    for each in described:
        path_item = paths.setdefault(each.operation.path, _path_item(each.operation))
        example = shown.of(each.operation.declared.id)
        responses = _responses(each, described, schemas, example)
        path_item[each.operation.method.lower()] = {
            **_operation(each, example),
            "responses": responses,
        }
    names = dict.fromkeys(name for each in operations for name in each.path_parameters)
    components["parameters"] |= {name: _path_parameter(name, shown.values.get(name)) for name in names}
    error_responses = {response_name(each): response(each) for each in refused}
    components["responses"] = {name: error_responses[name] for name in sorted(error_responses)}
    envelope = components["schemas"]["Error"]
    all_schemas = {"Error": envelope, **error_schemas(refused, schemas, envelope), **schemas.components}
    components["schemas"] = _referred(all_schemas, paths, components["responses"], {"$ref": COMPONENTS + "Error"})
    return {**frame, "paths": paths, "components": components}


def _types(operations: list[PublicOperation]) -> list[Any]:
    declared = [each.declared for each in operations]
    responses = [type_ for each in declared for type_ in (each.response, each.query) if type_]
    return [*responses, *(body for each in operations for body in each.bodies)]


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


def _described(operation: PublicOperation, schemas: Schemas) -> Described:
    response_type, query = operation.declared.response, operation.declared.query
    parameters = schemas.resolved(schemas.reference(query))["properties"] if query else {}
    return Described(
        operation,
        {name: _not_null(schema) for name, schema in parameters.items() if name not in ("limit", "cursor")},
        _body(operation, schemas),
        schemas.reference(response_type) if response_type else None,
    )


def _not_null(schema: Json) -> Json:
    # An absent query parameter is null in Python only.
    schema = dict(schema)
    if "oneOf" in schema:
        (alternative,) = [each for each in schema.pop("oneOf") if each != {"type": "null"}]
        return {**alternative, **schema}
    if isinstance(schema.get("type"), list):
        (schema["type"],) = [each for each in schema["type"] if each != "null"]
    return schema


def _body(operation: PublicOperation, schemas: Schemas) -> Json | None:
    if not operation.bodies:
        return None
    first, *others = references = [schemas.reference(body) for body in operation.bodies]
    if not others:
        return first
    # Two services read the same body.
    parts = [schemas.resolved(each) for each in references]
    name = operation.declared.id[0].upper() + operation.declared.id[1:] + "Body"
    schemas.components[name] = {
        "type": "object",
        "required": [name for part in parts for name in part.get("required", ())],
        "properties": {name: schema for part in parts for name, schema in part["properties"].items()},
    }
    return {"$ref": COMPONENTS + name}


def _path_item(operation: PublicOperation) -> Json:
    parameters = [{"$ref": f"#/components/parameters/{name}"} for name in operation.path_parameters]
    return {"parameters": parameters} if parameters else {}


def _path_parameter(name: str, example: Any) -> Json:
    shown = {} if example is None else {"example": example}
    return {"name": name, "in": "path", "required": True, **shown, "schema": {"type": "string"}}


def _operation(described: Described, example: Example) -> Json:
    operation, declared = described.operation, described.operation.declared
    parameters = _parameters(described, example)
    content = {"application/json": {"schema": described.body, **example.shown("body")}}
    members: Json = {
        "operationId": declared.id,
        "tags": [_tag(operation)],
        **_security(operation),
        "summary": declared.summary,
        "description": " ".join(f"{declared.description} {_callers(operation)}".split()),
        "parameters": parameters,
        "requestBody": {"required": not operation.body_is_optional, "content": content} if described.body else None,
    }
    # An empty list of security requirements means that the operation is open.
    return {name: value for name, value in members.items() if value or name == "security"}


def _callers(operation: PublicOperation) -> str:
    """Return who may call the operation, in words."""
    if operation.guard is not Guard.OPEN:
        return f"For {' and '.join(f'{each}s' for each in ROLES[ROLES.index(operation.guard.value) :])}."
    if operation.takes_learner_grant:
        return "For everyone; a private event opens with its access key or a learner grant."
    return "For everyone."


def _security(operation: PublicOperation) -> Json:
    if operation.guard is not Guard.OPEN:
        return {"x-role": operation.guard.value}
    # An empty requirement makes the other optional (OpenAPI 3.1, Security Requirement Object).
    return {"security": [{}, {"learnerGrant": []}] if operation.takes_learner_grant else []}


def _tag(operation: PublicOperation) -> str:
    segments = [each for each in operation.path.split("/") if each and not each.startswith("{")]
    if segments == [] or segments[0] in _FIRST_PARTS:
        return _FIRST_PARTS[segments[0]] if segments else "front door"
    if segments[1] == "admin":
        return _ADMIN_TAGS.get(segments[2], "auth")
    if operation.guard is Guard.OPEN:
        return "public"
    return next(each for each in reversed(segments) if each in ("events", "lessons", "materials", "quizzes"))


def _parameters(described: Described, example: Example) -> list[Json]:
    declared = described.operation.declared
    takes = {
        "limit": declared.is_paged,
        "cursor": declared.is_paged,
        "idempotencyKey": declared.takes_idempotency_key,
        "ifMatch": declared.takes_if_match,
        "ifNoneMatch": declared.is_conditional,
    }
    parameters = [_path_parameter(name, value) for name, value in example.path.items()]
    parameters += [{"$ref": f"#/components/parameters/{name}"} for name, is_taken in takes.items() if is_taken]
    own = [_query_parameter(name, schema) for name, schema in described.query.items()]
    return [*parameters, *(_with_example(each, example.query.get(each["name"])) for each in own)]


def _query_parameter(name: str, schema: Json) -> Json:
    description = {key: text for key, text in schema.items() if key == "description"}
    without = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": "query", **description, "schema": without}


def _with_example(parameter: Json, example: Any) -> Json:
    if example is None:
        return parameter
    # In the schema, which viewers only show; they would send an example of the parameter.
    return {**parameter, "schema": {**parameter["schema"], "examples": [example]}}


def _responses(described: Described, all_described: list[Described], schemas: Schemas, example: Example) -> Json:
    operation, declared = described.operation, described.operation.declared
    headers = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
    if declared.gives_entity_tag:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if operation.is_read_form:
        headers["Server-Time"] = {"$ref": "#/components/headers/ServerTime"}
    if declared.is_conditional:
        headers |= {name: {"$ref": f"#/components/headers/{place}"} for name, place in _OF_CACHES.items()}
    if declared.takes_idempotency_key:
        headers["Idempotency-Replayed"] = {"$ref": "#/components/headers/IdempotencyReplayed"}
    if declared.is_paged:
        headers["Link"] = {"$ref": "#/components/headers/Link"}
    success: Json = {"description": _description(described, schemas), "headers": headers}
    content: Json = {"application/json": {"schema": described.response, **example.shown("response")}}
    texts = {each: {"schema": {"type": "string"}, **example.shown("text")} for each in declared.texts}
    if described.response or texts:
        success["content"] = {**(content if described.response else {}), **texts}
    if made := links(described, all_described, schemas):
        success["links"] = made
    errors = {
        str(status): {"$ref": f"#/components/responses/{response_name(errors)}"}
        for status, errors in refusals(operation).items()
    }
    return {str(declared.status): success, **_without_body(operation, headers), **errors}


def _without_body(operation: PublicOperation, headers: Json) -> Json:
    """Return what the operation responds without a body besides the success and its errors."""
    responses: Json = {}
    if operation.declared.is_conditional:
        responses["304"] = {"description": "What If-None-Match names still holds.", "headers": headers}
    if operation.is_read_form:
        own = {"X-Request-ID": headers["X-Request-ID"], "Location": {"$ref": "#/components/headers/Location"}}
        responses["308"] = {"description": "The address has a former slug; this is the present one.", "headers": own}
    return responses


def _description(described: Described, schemas: Schemas) -> str:
    """Return the description of the view that the response shows."""
    response = described.response
    if response is None:
        return "A text." if described.operation.declared.texts else "Done. The response has no body."
    if "$ref" not in response:
        return "A JSON object."
    members, name = schemas.resolved(response)["properties"], response["$ref"]
    if name.endswith("Items"):
        text: str = schemas.resolved(members["items"]["items"])["description"]
        return f"A list, each item of it: {text[0].lower()}{text[1:]}"
    return str(schemas.resolved(members["item"] if name.endswith("Item") else response)["description"])


class _Dumper(yaml.SafeDumper):
    """Writes the same value twice rather than an alias, and texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
