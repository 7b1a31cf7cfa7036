"""From a pydantic model to a structural schema."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from faceledger_operator.api.base import ApiModel
from faceledger_operator.api.rules import Rule, Says, cel
from faceledger_operator.api.structural import UnstructuralError, structural_schema, without_defaults
from pydantic import ConfigDict, Field

Name = Annotated[str, Field(pattern="^[a-z]+$", max_length=9), Says("must be letters")]


class Inner(ApiModel):
    """Words of the model."""

    model_config = ConfigDict(json_schema_extra=cel(("has(self.size)", "size: give it")))

    size: int = Field(default=1, ge=1, description="Size.", examples=[2])


class Outer(ApiModel):
    name: Annotated[Name, Rule("self != 'no'", "must not be no")]
    kind: Literal["One"] = "One"
    mode: Literal["A", "B"] = "A"
    at: datetime | None = None
    inner: Inner = Field(default_factory=Inner, description="Words of the field.")
    maybe: Inner | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    flags: tuple[bool, ...] = ()


def field(name: str) -> dict[str, Any]:
    found: dict[str, Any] = structural_schema(Outer)["properties"][name]
    return found


INNER = {
    "type": "object",
    "properties": {
        "size": {"description": "Size. Example: 2.", "type": "integer", "minimum": 1, "default": 1, "format": "int64"}
    },
    "x-kubernetes-validations": [{"rule": "has(self.size)", "message": "size: give it"}],
}


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        pytest.param(
            "name",
            {
                "type": "string",
                "maxLength": 9,
                "x-kubernetes-validations": [
                    {"rule": "self.matches(r'^[a-z]+$')", "message": "must be letters"},
                    {"rule": "self != 'no'", "message": "must not be no"},
                ],
            },
            id="rules of a type and of its use add up, and words replace the pattern",
        ),
        pytest.param("kind", {"type": "string", "default": "One", "enum": ["One"]}, id="a constant is an enumeration"),
        pytest.param("mode", {"type": "string", "default": "A", "enum": ["A", "B"]}, id="a literal is an enumeration"),
        pytest.param("at", {"type": "string", "format": "date-time"}, id="an optional time has no null and no default"),
        pytest.param(
            "inner",
            {**INNER, "description": "Words of the field.", "default": {"size": 1}},
            id="a model made by a factory has its fields' defaults, and the field's words win",
        ),
        pytest.param(
            "maybe", {**INNER, "description": "Words of the model."}, id="an optional model stays away until written"
        ),
        pytest.param(
            "counts",
            {"type": "object", "additionalProperties": {"type": "integer", "format": "int64"}},
            id="a dictionary has values of one type",
        ),
        pytest.param(
            "flags",
            {"type": "array", "default": [], "items": {"type": "boolean"}, "x-kubernetes-list-type": "atomic"},
            id="a list is written as a whole",
        ),
    ],
)
def test_a_field_becomes(name: str, schema: dict[str, Any]) -> None:
    assert field(name) == schema


def test_only_fields_without_a_default_are_required() -> None:
    assert structural_schema(Outer)["required"] == ["name"]


def test_defaults_can_be_taken_out_at_every_level() -> None:
    assert "default" not in str(without_defaults(structural_schema(Outer)))


class Either(ApiModel):
    value: int | str


class Anything(ApiModel):
    value: Any


@pytest.mark.parametrize("model", [Either, Anything], ids=["alternatives", "no type"])
def test_what_has_no_structural_form_is_refused_by_its_path(model: type[ApiModel]) -> None:
    with pytest.raises(UnstructuralError, match=f"{model.__name__}.value"):
        structural_schema(model)
