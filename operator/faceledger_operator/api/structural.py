"""Turns a model's JSON schema into the structural schema that a CustomResourceDefinition demands.

In: what pydantic says of a model. Out: one tree without references, titles, nulls or alternatives, with defaults that
the API server fills in. Invariant: what cannot be said structurally raises `UnstructuralError` with the field's path.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from .rules import VALIDATIONS

__all__ = ["UnstructuralError", "structural_schema", "without_defaults"]

Schema = dict[str, Any]

_KEPT = (
    "type",
    "format",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "default",
)


class UnstructuralError(Exception):
    """A field of a model has no structural form; the message begins with its path."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of a model, by its aliases (the YAML names)."""
    schema = model.model_json_schema(by_alias=True)
    return _structural(schema, schema.get("$defs", {}), model.__name__)


def without_defaults(schema: Schema) -> Schema:
    """The same tree without defaults: a status says what the operator wrote, nothing else."""
    kept = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in kept:
        kept["properties"] = {name: without_defaults(child) for name, child in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = without_defaults(kept["items"])
    return kept


def _structural(raw: Schema, definitions: Schema, path: str) -> Schema:
    schema = _resolved(raw, definitions, path)
    out: Schema = {}
    if description := _description(schema):
        out["description"] = description
    out |= {key: schema[key] for key in _KEPT if schema.get(key) is not None}
    if "const" in schema:
        out["enum"] = [schema["const"]]
    match out.get("type"):
        case "object":
            out |= _object(schema, definitions, path)
        case "array":
            out |= _array(schema, definitions, path)
        case "integer":
            out["format"] = "int64"
        case "string" | "boolean":
            pass
        case other:
            raise UnstructuralError(f"{path}: type {other!r} has no structural form")
    if VALIDATIONS in schema:
        out[VALIDATIONS] = schema[VALIDATIONS]
    return out


def _resolved(raw: Schema, definitions: Schema, path: str) -> Schema:
    """Follows references and drops `null`; what stands beside a reference (a description, rules) wins or adds up."""
    schema = dict(raw)
    while "anyOf" in schema or "$ref" in schema:
        if options := schema.pop("anyOf", None):
            options = [option for option in options if option.get("type") != "null"]
            if len(options) != 1:
                raise UnstructuralError(f"{path}: alternatives have no structural form")
            inner = options[0]
        else:
            inner = definitions[schema.pop("$ref").rpartition("/")[2]]
        rules = [*inner.get(VALIDATIONS, ()), *schema.get(VALIDATIONS, ())]
        schema = {**inner, **schema} | ({VALIDATIONS: rules} if rules else {})
    return schema


def _object(schema: Schema, definitions: Schema, path: str) -> Schema:
    if (values := schema.get("additionalProperties")) is True:
        return {"x-kubernetes-preserve-unknown-fields": True}
    if isinstance(values, dict):
        return {"additionalProperties": _structural(values, definitions, f"{path}.*")}
    required = schema.get("required", [])
    properties = {
        name: _property(child, definitions, f"{path}.{name}", name in required)
        for name, child in schema.get("properties", {}).items()
    }
    return {key: value for key, value in (("required", required), ("properties", properties)) if value}


def _property(raw: Schema, definitions: Schema, path: str, required: bool) -> Schema:
    """A field that pydantic makes by a factory (no `default` key, not required) is an object of its fields' defaults.

    They are written out, because the API server tries the object's rules on the default alone.
    """
    schema = _structural(raw, definitions, path)
    if not required and "default" not in raw and "properties" in schema:
        fields = schema["properties"].items()
        schema["default"] = {name: field["default"] for name, field in fields if "default" in field}
    return schema


def _array(schema: Schema, definitions: Schema, path: str) -> Schema:
    """Lists of conditions merge by type; every other list is written as a whole."""
    items = _structural(schema["items"], definitions, f"{path}[]")
    if {"type", "status", "lastTransitionTime"} <= items.get("properties", {}).keys():
        return {"items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    return {"items": items, "x-kubernetes-list-type": "atomic"}


def _description(schema: Schema) -> str:
    """The words for `kubectl explain`: the model's own, with its examples."""
    words = " ".join(schema.get("description", "").split())
    examples = ", ".join(_example(value) for value in schema.get("examples", ()))
    return f"{words} Example: {examples}." if examples else words


def _example(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
