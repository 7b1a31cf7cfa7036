"""What the API server checks beyond types: CEL rules with messages, attached to a type or to a whole model.

In: a rule and the message that a user reads. Out: `x-kubernetes-validations` in the schema that CRDs are made of.
Invariant: a message says what is asked, in words; the API server puts the field's path before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

__all__ = ["NAME_LENGTH_RULE", "RUN_NAME_RULES", "VALIDATIONS", "Rule", "Says", "cel"]

VALIDATIONS = "x-kubernetes-validations"
"""Schema key of CEL rules, from the Kubernetes API."""

NAME_LENGTH_RULE = ("size(self.metadata.name) <= 63", "metadata.name: at most 63 characters")
"""The name is a label value on everything that serves the resource, and label values end at 63."""

RUN_NAME_RULES = (
    NAME_LENGTH_RULE,
    (
        "self.metadata.name.matches('^[a-z][-a-z0-9]*$')",
        "metadata.name: must begin with a letter and hold lower-case letters, digits and '-' alone",
    ),
)
"""RayJobs are named after the resource, and KubeRay wants names that are DNS-1035 labels."""


def cel(*rules: tuple[str, str]) -> Callable[[dict[str, Any]], None]:
    """Adds CEL rules (rule, message) to a model's schema; the API server then refuses what breaks them at apply."""

    def extend(schema: dict[str, Any]) -> None:
        schema[VALIDATIONS] = [{"rule": rule, "message": message} for rule, message in rules]

    return extend


@dataclass(frozen=True)
class Rule:
    """A CEL rule on a type (`Annotated[str, Rule(...)]`); rules of a type and of its uses add up."""

    rule: str
    message: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        return {**schema, VALIDATIONS: [*schema.get(VALIDATIONS, ()), {"rule": self.rule, "message": self.message}]}


@dataclass(frozen=True)
class Says:
    """Words in place of a text type's regular expression, which few people read: the same check as a CEL rule."""

    message: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = dict(handler(core))
        rule = {"rule": f"self.matches(r'{schema.pop('pattern')}')", "message": self.message}
        return {**schema, VALIDATIONS: [rule, *schema.get(VALIDATIONS, ())]}
