"""The examples of the document: requests written by hand, and the responses that the demo season gave to them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent
REQUESTS, RESPONSES = _FOLDER / "examples.yaml", _FOLDER / "responses.json"


@dataclass(frozen=True)
class Example:
    """One request to an operation, and its response: what of either JSON holds.

    `path` has the values of path parameters that are not those of the season; `text` is the start of a response that
    is no JSON.
    """

    body: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    response: Any = None
    text: str | None = None

    def shown(self, part: str) -> dict[str, Any]:
        """Return the member of a media type that shows this part, or nothing."""
        value = getattr(self, part)
        return {} if value is None else {"example": value}


@dataclass(frozen=True)
class Examples:
    """The value of each parameter that several operations share, and the example of each operation by its id."""

    values: Mapping[str, Any]
    operations: Mapping[str, Example]

    def of(self, operation_id: str) -> Example:
        """Return the operation's example, with the shared values in its query."""
        own = self.operations.get(operation_id, Example())
        return replace(own, query={**self.values, **own.query})


def examples() -> Examples:
    """Read the examples."""
    requests = yaml.safe_load(REQUESTS.read_text())
    written, recorded = requests["operations"], json.loads(RESPONSES.read_text())
    return Examples(
        requests["values"],
        {each: _joined(written.get(each, {}), recorded.get(each, {})) for each in {**written, **recorded}},
    )


def _joined(written: dict[str, Any], recorded: dict[str, Any]) -> Example:
    query = {**written.get("query", {}), **recorded.get("query", {})}
    return Example(**{**recorded, **written, "query": query})
