"""JSON schemas of the views and request bodies, made by pydantic and tidied for readers of the document."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

from services.kit.web.schemas import TEXT_MARKER, Instant, InstantText

Json = dict[str, Any]

COMPONENTS = "#/components/schemas/"

# A text is trimmed and holds no control characters except tab and line breaks (regular expressions of ECMA-262).
_SPACES = r"[\t-\r \x85\xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]*"
_CHARACTER = r"[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]"
_VISIBLE = r"[^\x00-\x1F\x7F-\x9F\s]"

_NULL = {"type": "null"}
_GENERIC = re.compile(r"(?P<frame>Items?)_(?P<view>\w+)_")
# Keywords of pydantic's validators that JSON Schema calls otherwise.
_RENAMED = {"ge": "minimum", "le": "maximum"}


class Schemas:
    """The components/schemas of the document, and a reference to the schema of each type."""

    def __init__(self, types: Iterable[Any]):
        mode: Literal["validation"] = "validation"
        adapters: list[tuple[Any, Literal["validation", "serialization"], TypeAdapter[Any]]] = [
            (each, mode, TypeAdapter(each)) for each in dict.fromkeys(types)
        ]
        references, definitions = TypeAdapter.json_schemas(adapters, ref_template=COMPONENTS + "{model}")
        self._names = _readable_names(definitions.get("$defs", {}))
        self._references = {each: self._tidy(schema) for (each, _mode), schema in references.items()}
        self.components: Json = {"Instant": _without_title(TypeAdapter(InstantText).json_schema())}
        self.components["InstantInput"] = {**_INSTANT_INPUT, "description": _INSTANT_DESCRIPTION}
        for name, definition in definitions.get("$defs", {}).items():
            self.components[self._names[name]] = self._tidy(definition)

    def reference(self, type_: Any) -> Json:
        """Return the reference to the type's schema."""
        return dict(self._references[type_])

    def resolved(self, schema: Mapping[str, Any]) -> Json:
        """Return the schema, or the component that it refers to."""
        if "$ref" not in schema:
            return dict(schema)
        return {**self.components[schema["$ref"].removeprefix(COMPONENTS)], **schema}

    def _tidy(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._tidy(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        tidied: Json = {}
        for key, value in schema.items():
            if key == "properties":
                tidied[key] = {name: self._tidy(each) for name, each in value.items()}
            elif key == "$ref":
                tidied[key] = COMPONENTS + self._names[value.removeprefix(COMPONENTS)]
            elif key == "const":
                # docs/traps.md, 28: generators of clients drop error bodies with `const`.
                tidied["enum"] = [value]
            elif key == "description":
                tidied[key] = " ".join(value.split())
            elif key != "title" and not (key == "default" and value is None):
                tidied[_RENAMED.get(str(key), key)] = self._tidy(value) if key != "enum" else value
        return self._named(_with_pattern(_nullable(tidied)))

    def _named(self, schema: Json) -> Json:
        # Name the schemas that nearly every other one uses.
        for name, shared in (("Instant", _INSTANT), ("InstantInput", _INSTANT_INPUT)):
            if shared.items() <= schema.items():
                own = {key: value for key, value in schema.items() if key not in shared}
                if own.get("description") == _INSTANT_VIEW_DESCRIPTION:
                    own.pop("description")
                return {"$ref": COMPONENTS + name, **own}
        return schema


def text_pattern(minimum: int) -> str:
    """Return the pattern of a text that has so many characters at least after it was trimmed."""
    if minimum == 0:
        inner = f"{_CHARACTER}*"
    elif minimum == 1:
        inner = f"{_CHARACTER}*{_VISIBLE}{_CHARACTER}*"
    else:
        inner = f"{_CHARACTER}*{_VISIBLE}{_CHARACTER}{{{minimum - 2},}}{_VISIBLE}{_CHARACTER}*"
    return f"^{_SPACES}{inner}{_SPACES}$"


def _with_pattern(schema: Json) -> Json:
    if schema.pop(TEXT_MARKER, False) and "pattern" not in schema:
        schema["pattern"] = text_pattern(schema.get("minLength", 0))
    return schema


def _nullable(schema: Json) -> Json:
    if "anyOf" not in schema or not all(
        isinstance(each, dict) and set(each) - {"required"} for each in schema["anyOf"]
    ):
        return schema
    alternatives = schema.pop("anyOf")
    if alternatives[1:] == [_NULL] and _is_plain(alternatives[0]):
        return {**alternatives[0], **schema, "type": [alternatives[0]["type"], "null"]}
    return {"oneOf": alternatives, **schema}


def _is_plain(schema: Json) -> bool:
    return isinstance(schema.get("type"), str) and "enum" not in schema


def _without_title(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key != "title"}


def _readable_names(definitions: Iterable[str]) -> dict[str, str]:
    """Name components after what they show: EventView becomes Event, Item[EventView] EventItem."""
    names: dict[str, str] = {}
    for definition in definitions:
        found = _GENERIC.fullmatch(definition)
        view, frame = (found["view"], found["frame"]) if found else (definition, "")
        short = view.rpartition("__")[2].removesuffix("View") + frame
        names[definition] = short if short not in names.values() else definition.replace("__", ".")
    return names


_INSTANT: Json = {key: value for key, value in TypeAdapter(InstantText).json_schema().items() if key != "description"}
_INSTANT_VIEW_DESCRIPTION = TypeAdapter(InstantText).json_schema()["description"]
_INSTANT_INPUT: Json = TypeAdapter(Instant).json_schema()
_INSTANT_DESCRIPTION = (
    "RFC 3339 with any offset; seconds may be left out, and what is finer than a millisecond is cut off"
)
