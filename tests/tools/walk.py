"""A walk over every operation of the published document, with its examples, in an order that makes sense."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.contract.openapi import METHODS

Json = dict[str, Any]

# What only a response holds comes by the document's own link from the operation before.
LINKED = {"refreshToken": "login", "resetPassword": "invitePerson"}
BEGINS_SESSION = ("login", "refreshToken", "changePassword")
# Two attempts make two pages.
REPEATED = {"submitQuiz"}
# Each ends a session.
LAST = ("refreshToken", "changePassword", "resetPassword", "logout")


@dataclass(frozen=True)
class Step:
    """An operation of the document with its references resolved."""

    id: str
    method: str
    path: str
    parameters: list[Json]
    document: Json
    definition: Json

    @property
    def success(self) -> tuple[int, Json]:
        """The documented success."""
        status = next(each for each in self.definition["responses"] if each.startswith("2"))
        return int(status), self.definition["responses"][status]

    def values(self, place: str) -> Json:
        """Return the examples of the parameters in this place by name."""
        examples = {
            each["name"]: each.get("example", *each["schema"].get("examples", [None]))
            for each in self.parameters
            if each["in"] == place
        }
        return {name: example for name, example in examples.items() if example is not None}

    @property
    def body(self) -> Any:
        """The example of the body, None where there is none."""
        content = self.definition.get("requestBody", {}).get("content", {})
        return content["application/json"]["example"] if content else None


@dataclass(frozen=True)
class Taken:
    """A step with its response."""

    step: Step
    response: httpx.Response


def steps(document: Json) -> list[Step]:
    """Return every operation in the order of the walk: what adds, what reads, what changes, what deletes."""
    found = [
        Step(
            item[method]["operationId"],
            method.upper(),
            path,
            _parameters(document, item, method),
            document,
            item[method],
        )
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]
    ranks = {"POST": 1, "GET": 2, "PUT": 3, "DELETE": 4}

    def rank(step: Step) -> tuple[int, int]:
        if step.id in LAST:
            return 5, LAST.index(step.id)
        place = found.index(step)
        # What comes after in the table belongs to what comes before.
        return (0, 0) if step.id == "login" else (ranks[step.method], -place if step.method == "DELETE" else place)

    return sorted(found, key=rank)


def walk(document: Json, client: httpx.Client) -> Iterator[Taken]:
    """Send the example of each operation. A cursor comes from the response of a page, so none is sent."""
    taken: dict[str, Taken] = {}
    for step in steps(document):
        link = taken[LINKED[step.id]] if step.id in LINKED else None
        path, body = {**step.values("path"), **_linked(link, step.id, "parameters")}, step.body
        body = _linked(link, step.id, "requestBody") or body
        query = {name: value for name, value in step.values("query").items() if name != "cursor"}
        for _ in range(2 if step.id in REPEATED else 1):
            response = client.request(step.method, step.path.format(**path), params=query, json=body)
            taken[step.id] = Taken(step, response)
            yield taken[step.id]
        if step.id in BEGINS_SESSION:
            client.headers["Authorization"] = f"Bearer {response.json()['accessToken']}"


def _parameters(document: Json, item: Json, method: str) -> list[Json]:
    both = [_resolved(document, each) for each in (*item.get("parameters", ()), *item[method].get("parameters", ()))]
    # An operation's own one replaces that of its path.
    return list({(each["in"], each["name"]): each for each in both}.values())


def _resolved(document: Json, node: Json) -> Json:
    target: Any = document
    for part in node.get("$ref", "").removeprefix("#/").split("/") if "$ref" in node else ():
        target = target[part]
    return target if "$ref" in node else node


def _linked(source: Taken | None, target: str, part: str) -> Json:
    """Return what the link from the response to the operation gives for this part of its request."""
    if source is None:
        return {}
    link: Mapping[str, Any] = source.step.success[1]["links"][target]
    return {name: _value(source.response, expression) for name, expression in link.get(part, {}).items()}


def _value(response: httpx.Response, expression: str) -> Any:
    value = response.json()
    for part in re.sub(r"^\$response\.body#/", "", expression).split("/"):
        value = value[part]
    return value


def same_form(one: Any, other: Any) -> bool:
    """Return whether both have the same members, and values of the same kinds."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_form(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_form, one, other))
    return type(one) is type(other)
