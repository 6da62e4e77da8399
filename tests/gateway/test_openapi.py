"""gateway/openapi.yaml: it names every route and no other, promises all that the baseline does, and is well-formed."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
import yaml
from schemathesis.core.result import Err

from gateway.app import routes
from gateway.guesses import Guesses
from gateway.limiter import Counts
from gateway.upstream import connect
from services.kit.web.guards import Guard
from tests.contract.openapi import BASELINE, GATEWAY, METHODS, Contract

Json = Mapping[str, Any]

PAGE: Json = yaml.safe_load(GATEWAY.read_text())
CONTRACT: Json = yaml.safe_load(BASELINE.read_text())
NOWHERE = dict.fromkeys(("content", "quiz", "auth"), "http://nowhere.test")
# What people read and no program does.
FOR_PEOPLE = {"description", "summary", "tags", "operationId"}


def shape(path: str) -> str:
    """The address with its parameters' names away."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def operations(document: Json) -> dict[str, Json]:
    """Every operation by its name, such as `PUT /api/events/{}`, with its path, whose parameters are its own too."""
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


PAGE_OPERATIONS, BASELINE_OPERATIONS = operations(PAGE), operations(CONTRACT)


def parameters(operation: Json) -> set[str]:
    """The names of its parameters."""
    return {str(flattened(each, PAGE)["name"]) for each in operation["parameters"]}


# The page and the routes


def routed() -> dict[str, str | None]:
    """Every operation that the gateway answers, and the role that it asks for."""
    roles = {Guard.OPEN: None, Guard.VIEWER: "viewer", Guard.EDITOR: "editor", Guard.OWNER: "owner"}
    return {
        f"{method.upper()} {shape(route.path)}": roles[route.guard_of(method.upper())]
        for route in routes(connect(NOWHERE, "a secret", 1), Guesses(Counts(), 1, 1, 1))
        for method in (*METHODS, "head", "options")
        if hasattr(route.resource, f"on_{method}")
    }


def test_the_page_names_every_route_with_its_role_and_no_other() -> None:
    documented = {name: operation.get("x-role") for name, operation in PAGE_OPERATIONS.items()}

    assert documented == routed()


@pytest.mark.parametrize("name", PAGE_OPERATIONS)
def test_an_operation_is_open_or_has_a_role(name: str) -> None:
    operation = PAGE_OPERATIONS[name]
    # A learner may show something, an admin must (OpenAPI 3.1, Security Requirement Object: {} makes it optional).
    is_open = operation.get("security") == [] or {} in operation.get("security", [])

    assert is_open == ("x-role" not in operation)


# What every operation says


def expected_statuses(name: str, operation: Json) -> set[str]:
    """The answers that follow from what an operation is, besides its own."""
    statuses = {"403", "414", "431"}
    if "/health" in name:
        return {"200", *statuses}
    statuses |= {"429", "503", "504"}
    if "x-role" in operation:
        statuses.add("401")
    if "requestBody" in operation:
        statuses |= {"400", "408", "413", "415"}
    if "{}" in name:
        statuses.add("404")
    if parameters(operation) & {"limit", "If-Match", "Idempotency-Key"}:
        statuses.add("400")
    return statuses


@pytest.mark.parametrize("name", PAGE_OPERATIONS)
def test_an_operation_documents_what_follows_from_its_kind(name: str) -> None:
    operation = PAGE_OPERATIONS[name]
    statuses, given = set(operation["responses"]), parameters(operation)

    assert expected_statuses(name, operation) - statuses == set()
    assert ("422" in statuses) == ("Idempotency-Key" in given)
    assert ("412" in statuses) == ("If-Match" in given)
    assert given >= set(re.findall(r"\{(\w+)\}", operation["path"]))


@pytest.mark.parametrize("name", PAGE_OPERATIONS)
def test_every_answer_has_a_request_id_and_every_refusal_to_wait_says_for_how_long(name: str) -> None:
    for status, answer in PAGE_OPERATIONS[name]["responses"].items():
        headers = flattened(answer, PAGE)["headers"]
        assert headers["X-Request-ID"]["required"], status
        assert ("Retry-After" in headers) == (status in ("429", "503", "504")) or status == "409", status


def test_the_page_is_a_document_of_openapi_3_1() -> None:
    schema = schemathesis.openapi.from_path(GATEWAY)

    schema.validate()
    assert [result.err() for result in schema.get_all_operations() if isinstance(result, Err)] == []
    assert len({operation["operationId"] for operation in PAGE_OPERATIONS.values()}) == len(PAGE_OPERATIONS)


def nothings(node: Any, place: str) -> Iterator[str]:
    """Where a name has no value."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from [f"{place}.{key}"] if value is None else nothings(value, f"{place}.{key}")


def test_no_text_is_cut_off_at_a_comma() -> None:
    # What follows a comma within braces is a name without a value to YAML, unless the text is in quotes.
    assert list(nothings(PAGE, "$")) == []
    assert list(nothings(yaml.safe_load("{a: [{b: one, two}]}"), "$")) == ["$.a.0.two"]


# The page and the baseline


def flattened(node: Any, document: Json) -> Any:
    """The node with everything that it refers to in its place, and what must hold together as one schema."""
    if isinstance(node, list):
        return [flattened(each, document) for each in node]
    if not isinstance(node, dict):
        return node
    whole: dict[str, Any] = {}
    if "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        whole = flattened(target, document)
    for part in node.get("allOf", ()):
        whole = merged(whole, flattened(part, document))
    own = {key: flattened(value, document) for key, value in node.items() if key not in ("$ref", "allOf", "const")}
    if "const" in node and not isinstance(node["const"], dict):
        own["enum"] = [node["const"]]
    return nullable(merged(whole, own))


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both schemas in one; what is said twice is as the second says it."""
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
    """A text or null in one way of the two in which it can be written."""
    alternatives = schema.get("oneOf", [])
    if len(alternatives) == 2 and alternatives[1] == {"type": "null"} and alternatives[0].get("type") == "string":
        return {**alternatives[0], "type": ["string", "null"]}
    return schema


def losses(old: Any, new: Any, place: str, sent: bool) -> Iterator[str]:
    """What the old part of a document says and the new one does not; `sent` parts must ask for no more either."""
    if isinstance(old, dict) and isinstance(new, dict):
        if "oneOf" in new and "oneOf" not in old:
            found = [list(losses(old, alternative, place, sent)) for alternative in new["oneOf"]]
            yield from min(found, key=len)
            return
        for key in old.keys() - FOR_PEOPLE:
            if key not in new:
                yield f"{place}.{key}: gone"
            elif key == "required" and isinstance(old[key], list):
                more, less = set(new[key]) - set(old[key]), set(old[key]) - set(new[key])
                yield from (f"{place}.required: {name}" for name in (less | more if sent else less))
            else:
                yield from losses(old[key], new[key], f"{place}.{key}", sent)
    elif isinstance(old, list) and isinstance(new, list):
        yield from (
            f"{place}: {each}" for each in old if not any(not list(losses(each, other, place, sent)) for other in new)
        )
    elif old != new:
        yield f"{place}: {old} became {new}"


@pytest.mark.parametrize("name", BASELINE_OPERATIONS)
def test_the_page_keeps_what_the_baseline_promises(name: str) -> None:
    old, new = BASELINE_OPERATIONS[name], PAGE_OPERATIONS[name]
    promised, asked = flattened(old["responses"], CONTRACT), flattened(old.get("requestBody"), CONTRACT)

    assert list(losses(promised, flattened(new["responses"], PAGE), "responses", sent=False)) == []
    assert list(losses(asked, flattened(new.get("requestBody"), PAGE), "requestBody", sent=True)) == []
    assert (
        list(
            losses(flattened(old["parameters"], CONTRACT), flattened(new["parameters"], PAGE), "parameters", sent=True)
        )
        == []
    )


def test_the_page_names_every_error_code_of_the_baseline() -> None:
    page = {shape(operation.name): operation.answers for operation in Contract(GATEWAY).operations}

    unnamed = [
        (operation.name, status, code)
        for operation in Contract().operations
        for status, answer in operation.answers.items()
        for code in answer.codes - page[shape(operation.name)][status].codes
    ]

    assert unnamed == []


def test_a_loss_is_noticed() -> None:
    old = {"required": ["a"], "properties": {"a": {"type": "string"}, "b": {"enum": ["x", "y"]}}}
    new = {"required": ["a", "b"], "properties": {"a": {"type": "string"}, "b": {"enum": ["x", "y"]}}, "more": 1}

    assert list(losses(old, new, "$", sent=False)) == []
    assert list(losses(old, new, "$", sent=True)) == ["$.required: b"]
    assert sorted(losses(new, old, "$", sent=False)) == ["$.more: gone", "$.required: b"]
    assert list(losses(old, {**new, "properties": {"a": {"type": "integer"}}}, "$", sent=False)) != []
    assert list(losses({"enum": ["x"]}, {"enum": ["y"]}, "$", sent=False)) == ["$.enum: x"]
