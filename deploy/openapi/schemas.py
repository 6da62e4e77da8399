"""JSON schemas of the views and request bodies, made by pydantic and tidied for readers of the document."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

from services.kit.web.schemas import OFF_ONE_LINE, Instant, InstantText, text_pattern

Json = dict[str, Any]

COMPONENTS = "#/components/schemas/"

# The members of a schema that come first in the document.
_FIRST = ("$ref", "type", "description", "required")
_NULL = {"type": "null"}
# Keywords of pydantic's validators that JSON Schema calls otherwise.
_RENAMED = {"ge": "minimum", "le": "maximum"}


def _text_schema(least: int, *, one_line: bool) -> Json:
    description = "trimmed; no control characters but tab and line breaks"
    if one_line:
        description = "trimmed; no control characters but tab, no line breaks, no overrides of its direction"
    if least:
        description += f"; at least {least} character{'s' if least > 1 else ''} left after trimming, one is visible"
    return {
        "type": "string",
        "pattern": text_pattern(least, OFF_ONE_LINE if one_line else ""),
        "description": description,
    }


# The schemas that many others refer to, by name.
_SHARED: Mapping[str, Json] = {
    "Instant": TypeAdapter(InstantText).json_schema(),
    "InstantInput": TypeAdapter(Instant).json_schema(),
    **{f"Text{least}": _text_schema(least, one_line=False) for least in range(4)},
    **{f"Line{least}": _text_schema(least, one_line=True) for least in range(4)},
}


class Schemas:
    """The components/schemas of the document, and a reference to the schema of each type."""

    def __init__(self, types: Iterable[Any]):
        adapters: list[tuple[Any, Literal["validation", "serialization"], TypeAdapter[Any]]] = [
            (each, "validation", TypeAdapter(each)) for each in dict.fromkeys(types)
        ]
        references, definitions = TypeAdapter.json_schemas(adapters, ref_template=COMPONENTS + "{model}")
        self._names = _readable_names(definitions.get("$defs", {}))
        self.components: Json = dict(_SHARED)
        self._references = {each: self._tidy(schema) for (each, _mode), schema in references.items()}
        for name, definition in definitions.get("$defs", {}).items():
            self.components[self._names[name]] = self._tidy(definition)

    def reference(self, type_: Any) -> Json:
        """Return the reference to the type's schema."""
        return dict(self._references[type_])

    def resolved(self, schema: Mapping[str, Any]) -> Json:
        """Return the schema, or the component that it refers to."""
        name = str(schema.get("$ref", "")).removeprefix(COMPONENTS)
        return dict(self.components.get(name, schema))

    def _tidy(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._tidy(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        tidied: Json = {}
        key: str
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
                tidied[_RENAMED.get(key, key)] = self._tidy(value) if key != "enum" else value
        return _in_order(_with_reference(_nullable(tidied)))


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


def _with_reference(schema: Json) -> Json:
    for name, shared in _SHARED.items():
        constraints = {key: value for key, value in shared.items() if key != "description"}
        if constraints.items() <= schema.items():
            return {"$ref": COMPONENTS + name, **{key: each for key, each in schema.items() if shared.get(key) != each}}
    return schema


def _in_order(schema: Json) -> Json:
    first = {key: schema[key] for key in _FIRST if key in schema}
    return {**first, **schema}


def _readable_names(definitions: Mapping[str, Any]) -> dict[str, str]:
    """Name components after what they show: EventView becomes Event, Item[EventView] EventItem."""
    names: dict[str, str] = {}
    for definition, schema in definitions.items():
        view, frame = definition, ""
        if schema.get("title") in ("Item", "Items"):
            frame = schema["title"]
            members = schema["properties"]
            shown = members["item"] if frame == "Item" else members["items"]["items"]
            view = shown["$ref"].removeprefix(COMPONENTS)
        short = view.rpartition("__")[2].removesuffix("View") + frame
        names[definition] = short if short not in names.values() else definition.replace("__", ".")
    return names
