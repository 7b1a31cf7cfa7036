"""The examples are what the API takes: no unknown field, and a trial key that opens with the password beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from eth_account import Account
from faceledger_operator.api.base import API_VERSION
from faceledger_operator.api.crd import RESOURCES, crd
from faceledger_operator.api.facedataset import FaceDataset

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

QUICKSTART = EXAMPLES / "quickstart"

Manifest = dict[str, Any]


def documents(folder: Path) -> list[Manifest]:
    files = sorted(folder.rglob("*.yaml"))
    return [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]


OURS = [document for document in documents(EXAMPLES) if document["apiVersion"] == API_VERSION]


def unknown_fields(value: Any, schema: Manifest, path: str = "") -> list[str]:
    """Fields of `value` that the schema does not have; the API server would drop them with a warning."""
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    return [f"{path}.{name}" for name in value if name not in known] + [
        found for name in value if name in known for found in unknown_fields(value[name], known[name], f"{path}.{name}")
    ]


@pytest.mark.parametrize("manifest", OURS, ids=lambda manifest: f"{manifest['kind']} {manifest['metadata']['name']}")
def test_an_example_has_only_fields_that_exist_and_values_that_are_taken(manifest: Manifest) -> None:
    resource = next(resource for resource in RESOURCES if resource.kind == manifest["kind"])
    schema = crd(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert unknown_fields(manifest["spec"], schema) == []
    assert resource.model.model_validate(manifest)


def test_the_quickstart_is_of_one_namespace_that_the_user_chooses() -> None:
    assert not [document for document in documents(QUICKSTART) if "namespace" in document["metadata"]]


def test_what_the_quickstart_refers_to_is_in_it() -> None:
    found = {(document["kind"], document["metadata"]["name"]) for document in documents(QUICKSTART)}
    (dataset,) = (FaceDataset.parse(document) for document in OURS if document["kind"] == "FaceDataset")
    assert ("PersistentVolumeClaim", dataset.spec.source.persistent_volume_claim.claim_name) in found
    assert ("PersistentVolumeClaim", dataset.spec.output.persistent_volume_claim.claim_name) in found
    assert ("LedgerBinding", dataset.spec.ledger_ref.name) in found
    assert {("Secret", "consortium-rpc"), ("Secret", "consortium-key")} <= found


def test_the_trial_key_opens_with_its_password_and_is_the_public_one() -> None:
    (secret,) = (document for document in documents(QUICKSTART) if document["metadata"]["name"] == "consortium-key")
    keystore = json.loads(secret["stringData"]["keystore.json"])
    account = Account.from_key(Account.decrypt(keystore, secret["stringData"]["password"]))
    assert account.address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
