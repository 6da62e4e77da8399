"""gateway/openapi.yaml: made from the declarations, complete, well-formed, and a superset of the baseline."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
import schemathesis
import yaml
from schemathesis.core.result import Err

from deploy.openapi.document import COMMAND, DOCUMENT, DOCUMENT_JSON, document_json, document_text
from gateway.routes import PUBLIC_ROUTES
from services.kit.web.guards import Guard
from tests.contract.openapi import BASELINE, GATEWAY, METHODS, Contract
from tests.tools.walk import steps

Json = Mapping[str, Any]

PUBLISHED: Json = yaml.safe_load(GATEWAY.read_text())
CONTRACT: Json = yaml.safe_load(BASELINE.read_text())
# Keywords for people, which no program reads.
FOR_PEOPLE = {"description", "summary", "tags", "operationId"}
# Not a keyword but the end of a description of Hero: in the baseline's YAML its comma is not in quotes.
FOR_PEOPLE |= {"or all three are empty"}


def test_the_document_is_as_the_declarations_make_it() -> None:
    assert GATEWAY == DOCUMENT
    assert GATEWAY.read_text() == document_text(), f"gateway/openapi.yaml is out of date: run `{COMMAND}`"
    assert DOCUMENT_JSON.read_text() == document_json(), f"gateway/openapi.json is out of date: run `{COMMAND}`"


def test_every_operation_has_an_example_of_each_part() -> None:
    described = steps(orjson.loads(DOCUMENT_JSON.read_bytes()))
    missing = [
        f"{step.id}: {each['name']}"
        for step in described
        for each in step.parameters
        if each["in"] != "header" and each["name"] not in step.values(each["in"])
    ]
    contents = [(each, each.definition.get("requestBody", {}).get("content", {})) for each in described]
    contents += [(each, each.success[1].get("content", {})) for each in described]
    missing += [f"{step.id}: {kind}" for step, all_ in contents for kind, each in all_.items() if "example" not in each]
    assert missing == [], "add them to deploy/openapi/examples.yaml and run `make openapi-examples`"


def test_every_operation_has_a_tag_a_summary_and_a_description() -> None:
    tags = {each["name"] for each in PUBLISHED["tags"] if each["description"]}
    for name, operation in PUBLISHED_OPERATIONS.items():
        assert {*operation["tags"]} <= tags, name
        assert operation["summary"] and operation["description"], name
    assert {tag for operation in PUBLISHED_OPERATIONS.values() for tag in operation["tags"]} == tags


def shape(path: str) -> str:
    """Return the address without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def operations(document: Json) -> dict[str, Json]:
    """Return every operation by its name, such as `PUT /api/events/{}`, with its path and all its parameters."""
    return {
        f"{method.upper()} {shape(path)}": {
            **item[method],
            "path": path,
            "parameters": [*item.get("parameters", []), *item[method].get("parameters", [])],
        }
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


PUBLISHED_OPERATIONS, BASELINE_OPERATIONS = operations(PUBLISHED), operations(CONTRACT)
published = pytest.mark.parametrize("name", PUBLISHED_OPERATIONS)


def parameters(operation: Json) -> set[str]:
    return {str(flattened(each, PUBLISHED)["name"]) for each in operation["parameters"]}


def test_the_document_names_every_route_with_its_role_and_no_other() -> None:
    routed = {
        f"{method} {shape(route.path)}": None if guard is Guard.OPEN else guard.value
        for route in PUBLIC_ROUTES
        for method, guard in route.guards.items()
    }
    assert {name: operation.get("x-role") for name, operation in PUBLISHED_OPERATIONS.items()} == routed


@published
def test_an_operation_is_open_or_has_a_role(name: str) -> None:
    operation = PUBLISHED_OPERATIONS[name]
    # An admin must show a token; a learner may (OpenAPI 3.1, Security Requirement Object: {} makes it optional).
    is_open = operation.get("security") == [] or {} in operation.get("security", [])
    assert is_open == ("x-role" not in operation)
    if name in BASELINE_OPERATIONS:
        assert is_open == (BASELINE_OPERATIONS[name].get("security") == [])


def expected_statuses(name: str, operation: Json) -> set[str]:
    """Return the statuses that follow from the kind of operation."""
    statuses = {"403", "414", "431", "500", "503"}
    if "/health" in name:
        return {"200", *statuses}
    statuses |= {"429", "504"} if "/api" in name else {"429"}
    if "x-role" in operation:
        statuses.add("401")
    if "requestBody" in operation:
        statuses |= {"400", "408", "413", "415"}
    if "{}" in name:
        statuses.add("404")
    if parameters(operation) & {"limit", "If-Match", "Idempotency-Key"}:
        statuses.add("400")
    return statuses


@published
def test_an_operation_documents_what_follows_from_its_kind(name: str) -> None:
    operation = PUBLISHED_OPERATIONS[name]
    statuses, taken = set(operation["responses"]), parameters(operation)
    assert expected_statuses(name, operation) - statuses == set()
    assert ("422" in statuses) == ("Idempotency-Key" in taken)
    assert ("412" in statuses) == ("If-Match" in taken)
    assert taken >= set(re.findall(r"\{(\w+)\}", operation["path"]))
    for status, response in operation["responses"].items():
        headers = flattened(response, PUBLISHED)["headers"]
        assert headers["X-Request-ID"]["required"], status
        assert ("Retry-After" in headers) == (status in ("429", "503", "504")) or status == "409", status


def test_the_document_is_valid_openapi_3_1() -> None:
    schema = schemathesis.openapi.from_path(GATEWAY)
    schema.validate()
    assert [result.err() for result in schema.get_all_operations() if isinstance(result, Err)] == []
    assert len({operation["operationId"] for operation in PUBLISHED_OPERATIONS.values()}) == len(PUBLISHED_OPERATIONS)
    # docs/traps.md, 28.
    assert "const:" not in GATEWAY.read_text()


# The document and the baseline


def flattened(node: Any, document: Json) -> Any:
    """Return the node with its references resolved, and each allOf as one schema."""
    if isinstance(node, list):
        return [flattened(each, document) for each in node]
    if not isinstance(node, dict):
        return node
    resolved: dict[str, Any] = {}
    if "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        resolved = flattened(target, document)
    for part in node.get("allOf", ()):
        resolved = merged(resolved, flattened(part, document))
    own = {key: flattened(value, document) for key, value in node.items() if key not in ("$ref", "allOf", "const")}
    if "const" in node and not isinstance(node["const"], dict):
        own["enum"] = [node["const"]]
    return nullable(merged(resolved, own))


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return both schemas in one; the second one wins."""
    result = {**one}
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        elif key == "required" and isinstance(value, list):
            result[key] = [*result.get(key, []), *value]
        else:
            result[key] = value
    return result


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Write a text or null in one of the two possible ways."""
    alternatives = schema.get("oneOf", [])
    if len(alternatives) == 2 and alternatives[1] == {"type": "null"} and alternatives[0].get("type") == "string":
        return {**alternatives[0], "type": ["string", "null"]}
    return schema


def losses(old: Any, new: Any, place: str, is_request: bool) -> Iterator[str]:
    """Yield what the old part says and the new one does not; a request may not ask for more either."""
    if isinstance(old, dict) and isinstance(new, dict):
        if "oneOf" in new and "oneOf" not in old:
            found = [list(losses(old, alternative, place, is_request)) for alternative in new["oneOf"]]
            yield from min(found, key=len)
            return
        for key in old.keys() - FOR_PEOPLE:
            if key not in new:
                yield f"{place}.{key}: gone"
            elif key == "required" and isinstance(old[key], list):
                more, less = set(new[key]) - set(old[key]), set(old[key]) - set(new[key])
                yield from (f"{place}.required: {name}" for name in (less | more if is_request else less))
            else:
                yield from losses(old[key], new[key], f"{place}.{key}", is_request)
    elif isinstance(old, list) and isinstance(new, list):
        yield from (
            f"{place}: {each}" for each in old if all(any(losses(each, other, place, is_request)) for other in new)
        )
    elif old != new:
        yield f"{place}: {old} became {new}"


@pytest.mark.parametrize("name", BASELINE_OPERATIONS)
def test_the_document_keeps_what_the_baseline_promises(name: str) -> None:
    for part, is_request in (("responses", False), ("requestBody", True), ("parameters", True)):
        old = flattened(BASELINE_OPERATIONS[name].get(part), CONTRACT)
        new = flattened(PUBLISHED_OPERATIONS[name].get(part), PUBLISHED)
        assert list(losses(old, new, part, is_request)) == []


def test_the_document_names_every_error_code_of_the_baseline() -> None:
    documented = {shape(operation.name): operation.answers for operation in Contract(GATEWAY).operations}
    unnamed = [
        (operation.name, status, code)
        for operation in Contract().operations
        for status, response in operation.answers.items()
        for code in response.codes - documented[shape(operation.name)][status].codes
    ]
    assert unnamed == []


def test_a_loss_is_noticed() -> None:
    old = {"required": ["a"], "properties": {"a": {"type": "string"}, "b": {"enum": ["x", "y"]}}}
    new = {"required": ["a", "b"], "properties": {"a": {"type": "string"}, "b": {"enum": ["x", "y"]}}, "more": 1}
    assert list(losses(old, new, "$", is_request=False)) == []
    assert list(losses(old, new, "$", is_request=True)) == ["$.required: b"]
    assert sorted(losses(new, old, "$", is_request=False)) == ["$.more: gone", "$.required: b"]
    assert list(losses(old, {**new, "properties": {"a": {"type": "integer"}}}, "$", is_request=False)) != []
    assert list(losses({"enum": ["x"]}, {"enum": ["y"]}, "$", is_request=False)) == ["$.enum: x"]
