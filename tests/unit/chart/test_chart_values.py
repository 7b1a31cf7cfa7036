"""The chart's page and schema are made of values.yaml and its comments."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "faceledger"

VALUES = """\
# Words of the section.
part:
  # How many.
  count: 2
  # One of: Red, Green.
  colour: Red
  # Anything, as in a pod.
  labels:
    a: b
# All of them.
names: []
# Some, as in a pod.
taints: []
"""


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chart_generate", ROOT / "charts" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_schema_knows_each_value_and_no_other(generate: ModuleType) -> None:
    assert generate.values_schema(VALUES)["properties"] == {
        "part": {
            "description": "Words of the section.",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "count": {"description": "How many.", "type": "integer", "minimum": 1},
                "colour": {"description": "One of: Red, Green.", "enum": ["Red", "Green"]},
                "labels": {"description": "Anything, as in a pod.", "type": "object"},
            },
        },
        "names": {"description": "All of them.", "type": "array", "items": {"type": "string"}},
        "taints": {"description": "Some, as in a pod.", "type": "array", "items": {"type": "object"}},
        "global": {"type": "object"},
    }


def test_the_page_has_a_row_for_each_value(generate: ModuleType) -> None:
    page = generate.chart_readme(VALUES, "chart", "Words")
    assert "### part\n\nWords of the section.\n\n| value | default | meaning |" in page
    assert '| `part.colour` | `"Red"` | One of: Red, Green. |' in page
    assert '| `part.labels` | `{"a": "b"}` | Anything, as in a pod. |' in page
    assert "| `names` | `[]` | All of them. |" in page


def test_a_value_without_words_is_refused_by_name(generate: ModuleType) -> None:
    with pytest.raises(ValueError, match="part\\.count"):
        generate.chart_readme("# Words.\npart:\n  count: 2\n", "chart", "Words")


def test_the_files_beside_values_yaml_are_current(generate: ModuleType) -> None:
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    assert json.loads((CHART / "values.schema.json").read_text(encoding="utf-8")) == generate.values_schema(text)
    sections = generate.chart_readme(text, "faceledger", "").partition("## Values")[2]
    assert (CHART / "README.md").read_text(encoding="utf-8").endswith(sections), "run `make generate`"
