"""A contract as a judge: does an answer have the shape that the baseline, or gateway/openapi.yaml, documents?"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import yaml
from jsonschema import Draft202012Validator

BASELINE = Path(__file__).parents[2] / "docs" / "contract" / "baseline.openapi.yaml"
GATEWAY = Path(__file__).parents[2] / "gateway" / "openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")

# What BEHAVIOUR.md lets any address answer, documented there or not: see "Envelope, errors, configuration".
GENERAL = {
    (400, "REQUEST_ERROR"),
    (400, "VALIDATION_ERROR"),
    # BEHAVIOUR.md, "Events", names it, the baseline's operation does not.
    (400, "BRANDING_PROVIDER_INVALID"),
    (401, "UNAUTHORIZED"),
    (403, "FORBIDDEN"),
    (404, "NOT_FOUND"),
    (405, "METHOD_NOT_ALLOWED"),
    (413, "PAYLOAD_TOO_LARGE"),
    (415, "REQUEST_ERROR"),
    (429, "RATE_LIMITED"),
    (500, "INTERNAL_ERROR"),
    (503, "UPSTREAM_UNAVAILABLE"),
    (504, "UPSTREAM_TIMEOUT"),
}
# What is over a limit of the door is a REQUEST_ERROR as well.
GENERAL |= {(408, "REQUEST_ERROR"), (414, "REQUEST_ERROR"), (431, "REQUEST_ERROR")}
# What only a client hears that sends a header which the baseline does not know, or a person who was invited.
ADDED = {
    (403, "PASSWORD_CHANGE_REQUIRED"),
    (409, "IDEMPOTENCY_KEY_IN_FLIGHT"),
    (412, "PRECONDITION_FAILED"),
    (422, "IDEMPOTENCY_KEY_REUSED"),
}

_CODE = re.compile(r"\b(?:[A-Z]+(?:_[A-Z]+)+|UNAUTHORIZED|FORBIDDEN)\b")
_PLACEHOLDER = re.compile(r"\\\{\w+\\\}")


class BrokenContract(AssertionError):
    """The answer is not one that the contract allows."""


@dataclass(frozen=True)
class Documented:
    """One of an operation's answers: the error codes its description names, and the headers it always has.

    `texts` are the media types of bodies that are no JSON.
    """

    schema: Mapping[str, Any] | None
    codes: frozenset[str]
    headers: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Operation:
    """A method at an address, and its answers by status."""

    method: str
    path: str
    answers: Mapping[int, Documented]

    @property
    def name(self) -> str:
        """As `PUT /api/events/{eventId}`."""
        return f"{self.method} {self.path}"

    def matches(self, request: httpx.Request) -> bool:
        """Whether the request is for this operation."""
        pattern = _PLACEHOLDER.sub("[^/]+", re.escape(self.path))
        path = unquote(request.url.raw_path.decode("ascii").partition("?")[0])
        return request.method == self.method and re.fullmatch(pattern, path, re.DOTALL) is not None


class Contract:
    """A document. `general` errors are allowed at every address; a `closed` document allows no unknown members."""

    def __init__(
        self, document: Path = BASELINE, general: Collection[tuple[int, str]] = GENERAL | ADDED, closed: bool = False
    ) -> None:
        # Every error has the members of the schema Error, and some have others besides.
        self._open_document = yaml.safe_load(document.read_text())
        self._document = without_unknown_members(self._open_document) if closed else self._open_document
        self._general = general
        self.operations = [
            Operation(method.upper(), path, self._answers(item[method]["responses"]))
            for path, item in self._document["paths"].items()
            for method in METHODS
            if method in item
        ]

    def operation(self, request: httpx.Request) -> Operation | None:
        """The documented operation that the request is for; None for one that the document does not know."""
        return next((operation for operation in self.operations if operation.matches(request)), None)

    def check(self, response: httpx.Response) -> None:
        """Raises BrokenContract. An answer to an addition is judged by the general rules alone."""
        request_id = response.headers.get("X-Request-ID")
        _require(bool(request_id), response, "has no X-Request-ID")
        if response.request.method == "HEAD":
            _require(response.content == b"", response, "has a body")
            return
        if response.status_code >= 400:
            self._check_error(response, request_id)
        operation = self.operation(response.request)
        if operation is None or self._is_general(response):
            return
        documented = operation.answers.get(response.status_code)
        if documented is None:
            raise BrokenContract(_told(response, f"{operation.name} documents no {response.status_code}"))
        missing = [name for name in documented.headers if name not in response.headers]
        _require(not missing, response, f"has no {missing}")
        if response.headers.get("Content-Type", "").partition(";")[0] in documented.texts:
            return
        if documented.schema is None:
            _require(response.content == b"", response, "has a body")
            return
        self._validate(response, documented.schema, self._document)
        code = response.json().get("error")
        _require(not documented.codes or code in documented.codes, response, f"documents {set(documented.codes)}")

    def _check_error(self, response: httpx.Response, request_id: str) -> None:
        self._validate(response, {"$ref": "#/components/schemas/Error"}, self._open_document)
        body = response.json()
        _require(body.get("requestId") == request_id, response, f"has another id in its header: {request_id}")
        _require("Traceback" not in response.text, response, "tells where the code failed")
        if body["error"] == "VALIDATION_ERROR":
            self._validate(response, {"$ref": "#/components/schemas/ValidationError"}, self._document)

    def _validate(self, response: httpx.Response, schema: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        _require(response.headers.get("Content-Type") == "application/json", response, "is not JSON")
        # With the components beside it, every reference of the document resolves within the schema.
        whole = {**schema, "components": document["components"]}
        validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(response.json())]
        _require(not errors, response, "; ".join(errors))

    def _answers(self, responses: Mapping[str, Any]) -> dict[int, Documented]:
        return {int(status): self._documented(answer) for status, answer in responses.items()}

    def _documented(self, answer: Mapping[str, Any]) -> Documented:
        shared = self._document["components"]["responses"][answer["$ref"].split("/")[-1]] if "$ref" in answer else {}
        # A description beside a reference replaces the one behind it (OpenAPI 3.1, Reference Object).
        whole = {**shared, **answer}
        content = whole.get("content", {})
        schema = content.get("application/json", {}).get("schema")
        headers = [name for name, header in whole.get("headers", {}).items() if self._is_required(header)]
        texts = frozenset(content) - {"application/json"}
        return Documented(schema, frozenset(_CODE.findall(whole["description"])), frozenset(headers), texts)

    def _is_required(self, header: Mapping[str, Any]) -> bool:
        shared = self._document["components"]["headers"][header["$ref"].split("/")[-1]] if "$ref" in header else header
        return bool(shared.get("required"))

    def _is_general(self, response: httpx.Response) -> bool:
        return response.status_code >= 400 and (response.status_code, response.json()["error"]) in self._general


def without_unknown_members(node: Any) -> Any:
    """Return the document with every object schema closed: a member that it does not name is refused."""
    if isinstance(node, list):
        return [without_unknown_members(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {key: without_unknown_members(value) for key, value in node.items()}
    # Beside a reference `properties` only narrow those of the schema behind it.
    if isinstance(closed.get("properties"), dict) and "$ref" not in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def _require(holds: bool, response: httpx.Response, complaint: str) -> None:
    if not holds:
        raise BrokenContract(_told(response, complaint))


def _told(response: httpx.Response, complaint: str) -> str:
    request = response.request
    return f"{request.method} {request.url}: {response.status_code} {response.text[:500]} - {complaint}"
