"""The CustomResourceDefinitions: structural, bounded, with words for every rule, and equal to the files in the tree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from faceledger_operator.api.crd import FOLDERS, MAX_BYTES, RESOURCES, Resource, crd, crd_files
from faceledger_operator.api.reference import FILE, reference_page

ROOT = Path(__file__).resolve().parents[3]

each_kind = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)


def schema_of(resource: Resource) -> dict[str, Any]:
    schema: dict[str, Any] = crd(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of the tree with the path of its field."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


@each_kind
def test_every_node_has_a_type_and_nothing_that_a_structural_schema_forbids(resource: Resource) -> None:
    for path, node in nodes(schema_of(resource)):
        assert node.get("type") in {"object", "array", "string", "integer", "boolean"}, path
        assert not {"$ref", "$defs", "anyOf", "allOf", "const", "title", "examples", "nullable"} & node.keys(), path


@each_kind
def test_every_list_says_how_it_merges(resource: Resource) -> None:
    lists = {path: node for path, node in nodes(schema_of(resource)) if node["type"] == "array"}
    assert lists[".status.conditions"]["x-kubernetes-list-type"] == "map"
    assert lists[".status.conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    del lists[".status.conditions"]
    assert all(node["x-kubernetes-list-type"] == "atomic" for node in lists.values())


@each_kind
def test_every_rule_has_words_and_reads_only_bounded_text(resource: Resource) -> None:
    for path, node in nodes(schema_of(resource)):
        for rule in node.get("x-kubernetes-validations", ()):
            assert rule["message"], path
            assert node["type"] != "string" or {"maxLength", "enum"} & node.keys(), path


@each_kind
def test_a_spec_field_is_explained(resource: Resource) -> None:
    unexplained = [path for path, node in nodes(schema_of(resource)["properties"]["spec"]) if not node["description"]]
    assert unexplained == []


@each_kind
def test_a_status_has_no_defaults_but_an_observed_generation_of_minus_one(resource: Resource) -> None:
    status = schema_of(resource)["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert [path for path, node in nodes(status) if "default" in node] == [""]


@each_kind
def test_the_definition_fits_into_an_annotation(resource: Resource) -> None:
    assert len(yaml.safe_dump(crd(resource)).encode()) < MAX_BYTES


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("FaceDataset", "Ready Progress Left Real Synthetic Rejected Committed Age Message"),
        ("RecognitionJob", "Ready Progress Left Probes Identified Committed Age Message"),
        ("LedgerBinding", "Ready Chain Contract Pending Finalized Balance Age Message"),
    ],
)
def test_kubectl_get_shows(kind: str, columns: str) -> None:
    resource = next(resource for resource in RESOURCES if resource.kind == kind)
    shown = crd(resource)["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [column["name"] for column in shown if not column.get("priority")] == columns.split()


@each_kind
def test_a_column_reads_a_field_that_exists(resource: Resource) -> None:
    paths = {path for path, _ in nodes(schema_of(resource))}
    for column in crd(resource)["spec"]["versions"][0]["additionalPrinterColumns"]:
        field = column["jsonPath"].replace('[?(@.type=="Ready")]', "[]")
        assert field in paths or field == ".metadata.creationTimestamp", column


@each_kind
def test_the_api_server_fills_in_the_defaults_of_the_models(resource: Resource) -> None:
    spec = schema_of(resource)["properties"]["spec"]
    smallest = _smallest(spec)
    model = resource.model.model_fields["spec"].annotation
    assert model is not None
    from_model = model.model_validate(smallest)
    assert model.model_validate(_defaulted(smallest, spec)) == from_model
    assert _defaulted(smallest, spec) == from_model.model_dump(mode="json", by_alias=True, exclude_none=True)


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_the_files_in_the_tree_are_current(folder: Path) -> None:
    stored = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / folder).iterdir()}
    assert stored == crd_files(), "run `make generate`"


def test_the_reference_page_is_current() -> None:
    assert (ROOT / FILE).read_text(encoding="utf-8") == reference_page(), "run `make generate`"


_SAMPLES = {
    "address": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "api": "http://ipfs:5001",
    "path": "/",
}
_EXACTLY_ONE = {
    "checkpoint": {"bundled": "faces-64"},
    "contract": {"deploy": {}},
    "ipfs": {"api": "http://ipfs:5001"},
    "signer": {"keystoreSecretRef": {"name": "a-name"}},
}


def _smallest(schema: dict[str, Any], name: str = "") -> Any:
    """The least that a user may write: required fields alone, the first value of each enumeration."""
    if name in _EXACTLY_ONE:
        return _EXACTLY_ONE[name]
    match schema["type"]:
        case "object":
            return {key: _smallest(schema["properties"][key], key) for key in schema.get("required", ())}
        case "integer":
            return schema.get("minimum", 1)
        case _:
            return schema["enum"][0] if "enum" in schema else _SAMPLES.get(name, "a-name")


def _defaulted(value: Any, schema: dict[str, Any]) -> Any:
    """What the API server makes of `value`: defaults of absent fields, at every level."""
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    filled = {name: child["default"] for name, child in properties.items() if "default" in child} | value
    return {name: _defaulted(inner, properties[name]) for name, inner in filled.items()}
