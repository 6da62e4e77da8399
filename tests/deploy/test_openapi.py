"""deploy.openapi: declarations that are missing, links, descriptions, and the patterns of texts."""

import re

import pytest

from deploy.openapi.document import document
from deploy.openapi.links import NAMES
from deploy.openapi.operations import MissingDeclaration, public_operations
from deploy.openapi.schemas import Schemas
from gateway import routes
from gateway.routes import PublicRoute
from gateway.sources import Service
from services.kit.web.guards import Guard
from services.kit.web.schemas import Schema, Text
from tests.contract.openapi import METHODS


def test_operations_without_a_declaration_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    undeclared = PublicRoute("/internal/feed", {"GET": (Guard.OPEN, Service.CONTENT)})
    unknown = PublicRoute("/api/nowhere", {"GET": (Guard.OPEN, Service.QUIZ)})
    monkeypatch.setattr("deploy.openapi.operations.PUBLIC_ROUTES", (*routes.PUBLIC_ROUTES, undeclared, unknown))

    with pytest.raises(MissingDeclaration) as missing:
        public_operations()

    assert str(missing.value).splitlines() == [
        "GET /internal/feed: content declares no operation at GET /internal/feed",
        "GET /api/nowhere: quiz has no route /api/nowhere",
    ]


def test_links_lead_to_every_operation_on_a_record() -> None:
    items = document()["paths"].items()
    operations = {
        item[each]["operationId"]: (path, item[each]) for path, item in items for each in item if each in METHODS
    }
    linked = {
        link["operationId"]
        for name, (_path, operation) in operations.items()
        for link in next(iter(operation["responses"].values())).get("links", {}).values()
        if link["operationId"] != name
    }

    on_records = {name for name, (path, _operation) in operations.items() if "/api/" in path and "{" in path}
    assert on_records - linked == set()


@pytest.mark.parametrize("view", NAMES)
def test_a_view_has_the_members_that_links_read(view: str) -> None:
    members = document()["components"]["schemas"][view]["properties"]

    places = [place for place in NAMES[view].values() if isinstance(place, str)]
    assert {place.partition("/")[0] for place in places} <= set(members)


class Title(Schema):
    """A body with a text."""

    text: Text
    name: Text | None = None


def test_an_optional_text_refers_to_its_pattern_and_may_be_null() -> None:
    schemas = Schemas([Title])

    properties = schemas.components["Title"]["properties"]
    reference = {"$ref": "#/components/schemas/Text0"}
    assert properties == {"text": reference, "name": {"oneOf": [reference, {"type": "null"}]}}
    assert re.fullmatch(schemas.components["Text0"]["pattern"], "a\ttitle")
    assert not re.fullmatch(schemas.components["Text0"]["pattern"], "a\0title")
