"""Writes docs/reference.md: `python -m faceledger_operator.api.reference [--out FILE]`, in the tree's root.

In: the structural schemas and the reasons. Out: one page with every field, rule and reason. Invariant: the page says
nothing that is not in the models or in `conditions`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .base import API_VERSION
from .conditions import BindingReason, Reason, RunReason
from .crd import RESOURCES, Resource, crd
from .rules import VALIDATIONS

__all__ = ["FILE", "reference_page"]

FILE = Path("docs/reference.md")

_HEAD = f"""\
<!-- Generated from the models in operator/faceledger_operator/api by `make generate`; do not edit. -->

# API reference

The kinds of `{API_VERSION}`. `kubectl explain KIND.spec` says the same from a cluster. What breaks a rule is
refused at apply, with the rule's words.

"""

_REASONS = """\
## Reasons

The `reason` of the Ready condition (and of Stalled, where a person must act), and the reason of the event.
"""


def reference_page() -> str:
    """The whole page as Markdown."""
    kinds = [_kind(resource) for resource in RESOURCES]
    reasons = [
        _REASONS,
        _reasons("FaceDataset and RecognitionJob", RunReason),
        _reasons("LedgerBinding", BindingReason),
    ]
    return _HEAD + "\n".join([*kinds, *reasons])


def _kind(resource: Resource) -> str:
    schema = crd(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec, status = schema["properties"]["spec"], schema["properties"]["status"]
    rules = [f"- Rule: {rule['message']}." for part in (schema, spec) for rule in part.get(VALIDATIONS, ())]
    parts = [
        f"## {resource.kind}",
        schema["description"],
        f"Short name `{resource.short_name}`, category `faceledger`.",
        "\n".join(rules),
        "### Spec of " + resource.kind,
        _table(("field", "type", "default", "meaning"), _spec_rows(spec, "")),
        "### Status of " + resource.kind,
        _table(("field", "type", "meaning"), _status_rows(status, "")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _spec_rows(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield f"`{path}`", _type(field), _default(field, name in schema.get("required", ())), _meaning(field)
        yield from _spec_rows(field, f"{path}.")


def _status_rows(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}" + ("[]" if field["type"] == "array" else "")
        yield f"`{path}`", _type(field), _meaning(field)
        yield from _status_rows(field.get("items", field), f"{path}.")


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    bounds = _bounds(field)
    words = "map" if "additionalProperties" in field else field.get("format", field["type"]).replace("int64", "integer")
    return f"{words}, {bounds}" if bounds else words


def _bounds(field: dict[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""


def _default(field: dict[str, Any], required: bool) -> str:
    if required:
        return "required"
    default = field.get("default")
    return "" if default is None or isinstance(default, dict) else f"`{json.dumps(default)}`"


def _meaning(field: dict[str, Any]) -> str:
    """The description, then each rule in its own words."""
    rules = [f"Rule: {rule['message']}." for rule in field.get(VALIDATIONS, ())]
    return " ".join([field.get("description", ""), *rules]).strip()


def _reasons(title: str, reasons: Iterable[Reason]) -> str:
    rows = [(f"`{reason}`", reason.what, reason.mend) for reason in reasons]
    return f"### Reasons of {title}\n\n{_table(('reason', 'what happened', 'what mends it'), rows)}\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, tuple("---" for _ in head), *rows)
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the API reference.")
    parser.add_argument("--out", type=Path, default=FILE)
    file: Path = parser.parse_args().out
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(reference_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
