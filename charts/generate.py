"""Writes the chart's README.md and values.schema.json from values.yaml: `python charts/generate.py` in the tree's root.

In: the values and the comment above each. Out: a table for people and a schema for `helm`. Invariant: a value without a
comment is an error, and a value that is not in values.yaml is refused by the schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

__all__ = ["chart_readme", "values_schema"]

CHART = Path("charts/faceledger")

_ONE_OF = re.compile(r"One of: (?P<values>[\w, ]+)\.")
"""A comment that lists what a value may be."""

_FREE = "as in a pod."
"""A comment that ends so: the value is whatever the Kubernetes API takes there."""

_DECIMAL = "a decimal number"
"""A comment that says so: the value is one, or empty."""

_LINE = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z]\w*):")


def chart_readme(values_text: str, name: str, description: str) -> str:
    """The chart's page: what it installs and every value."""
    comments, values = _comments(values_text), yaml.safe_load(values_text)
    sections = []
    for key, value in values.items():
        rows = [_row(path, leaf, comments[path]) for path, leaf in _leaves(value, key, comments)]
        head = [] if rows and rows[0].startswith(f"| `{key}` ") else [comments[key], ""]
        sections.append(
            "\n".join([f"### {key}", "", *head, "| value | default | meaning |", "| --- | --- | --- |", *rows])
        )
    return _README.format(name=name, description=description) + "\n\n".join(sections) + "\n"


def values_schema(values_text: str) -> dict[str, Any]:
    """A JSON schema that knows the values in values.yaml and no others; `global` is Helm's own."""
    schema = _schema(yaml.safe_load(values_text), "", _comments(values_text))
    schema["properties"]["global"] = {"type": "object"}
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema}


def _comments(text: str) -> dict[str, str]:
    """Path of each key -> the words above it."""
    comments: dict[str, str] = {}
    path: list[str] = []
    words: list[str] = []
    for line in text.splitlines():
        if line.strip().startswith("#"):
            words.append(line.strip(" #"))
        elif match := _LINE.match(line):
            path = [*path[: len(match["indent"]) // 2], match["key"]]
            comments[".".join(path)] = " ".join(words)
            words = []
        else:
            words = []
    return comments


def _leaves(value: Any, path: str, comments: dict[str, str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and not comments[path].endswith(_FREE):
        for key, child in value.items():
            yield from _leaves(child, f"{path}.{key}", comments)
    elif not comments[path]:
        raise ValueError(f"values.yaml: {path} has no comment")
    else:
        yield path, value


def _row(path: str, value: Any, comment: str) -> str:
    return f"| `{path}` | `{json.dumps(value)}` | {comment} |"


def _schema(value: Any, path: str, comments: dict[str, str]) -> dict[str, Any]:
    comment = comments.get(path, "")
    described = {"description": comment} if comment else {}
    match value:
        case dict() if comment.endswith(_FREE):
            return {**described, "type": "object"}
        case dict():
            children = {key: _schema(child, f"{path}.{key}".lstrip("."), comments) for key, child in value.items()}
            return {**described, "type": "object", "additionalProperties": False, "properties": children}
        case bool():
            return {**described, "type": "boolean"}
        case int():
            return {**described, "type": "integer", "minimum": 1}
        case str() if one_of := _ONE_OF.search(comment):
            return {**described, "enum": one_of["values"].split(", ")}
        case str() if _DECIMAL in comment:
            return {**described, "type": ["string", "number"], "minimum": 0, "pattern": r"^([0-9]+(\.[0-9]+)?)?$"}
        case str():
            return {**described, "type": "string"}
        case list():
            free = comment.endswith(_FREE) or any(isinstance(item, dict) for item in value)
            return {**described, "type": "array", "items": {"type": "object" if free else "string"}}
        case _:
            raise ValueError(f"values.yaml: {path} is neither text, number, truth value, list nor map")


_README = """\
<!-- Generated from values.yaml by `make generate`; do not edit. -->

# Helm chart {name}

{description}.

```
helm install faceledger charts/faceledger --namespace faceledger-system --create-namespace
```

It installs the three kinds, the operator with its rights, a claim for receipts, and roles that add the kinds to the
cluster's own view, edit and admin roles. It needs Kubernetes 1.31, KubeRay 1.6 and a default storage class. For a
trial it can bring a development chain and a private IPFS node.

An uninstall keeps the definitions of the kinds, every resource of these kinds, and the receipts.

## Values

"""


def main() -> None:
    values_text = (CHART / "values.yaml").read_text(encoding="utf-8")
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    readme = chart_readme(values_text, chart["name"], chart["description"])
    (CHART / "README.md").write_text(readme, encoding="utf-8")
    schema = json.dumps(values_schema(values_text), indent=2) + "\n"
    (CHART / "values.schema.json").write_text(schema, encoding="utf-8")


if __name__ == "__main__":
    main()
