"""Writes the CustomResourceDefinitions: `python -m faceledger_operator.api.crd [--out FOLDER]`, in the tree's root.

In: the three kinds as models. Out: one YAML file a kind, which plain `kubectl apply` takes. Invariant: files are a
function of the models alone, and each stays below the size that an annotation may have.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from .base import GROUP, VERSION
from .facedataset import FaceDataset
from .ledgerbinding import LedgerBinding
from .recognitionjob import RecognitionJob
from .structural import structural_schema, without_defaults

__all__ = ["FOLDERS", "MAX_BYTES", "RESOURCES", "Column", "Resource", "crd", "crd_files"]

MAX_BYTES = 262_144
"""An annotation's limit: `kubectl apply` keeps the last applied manifest in one."""

CATEGORY = "faceledger"
"""`kubectl get faceledger` lists all three kinds."""

FOLDERS = (Path("crds"), Path("charts/faceledger/files/crds"))
"""Where the files are kept: for `kubectl apply`, and the copy that the chart installs."""

_HEADER = "# Generated from the models in operator/faceledger_operator/api by `make generate`; do not edit.\n"


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; `wide` ones show with `-o wide` alone."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False
    description: str = ""


@dataclass(frozen=True)
class Resource:
    """A kind with its names and columns; age and message follow the columns by themselves."""

    model: type[BaseModel]
    plural: str
    short_name: str
    columns: tuple[Column, ...]

    @property
    def kind(self) -> str:
        return self.model.__name__


_READY = Column("Ready", '.status.conditions[?(@.type=="Ready")].status')
_AGE = Column("Age", ".metadata.creationTimestamp", "date")
_MESSAGE = Column("Message", '.status.conditions[?(@.type=="Ready")].message')
_REASON = Column("Reason", '.status.conditions[?(@.type=="Ready")].reason', wide=True)
_COMMITTED = Column("Committed", ".status.commitment.state", description="Where the result is on its way to the chain.")
_ATTEMPT = Column("Attempt", ".status.attempt.name", wide=True, description="The RayJob.")
_STAGE = Column("Stage", ".status.progress.stage", wide=True)
_PROGRESS = Column("Progress", ".status.progress.percent", description="Of the current stage.")
_LEFT = Column("Left", ".status.progress.remaining", description="Until the stage is done, at its pace until now.")
_COST = Column("Cost", ".status.cost.estimate", wide=True, description="Of all attempts, at the installation's prices.")

RESOURCES = (
    Resource(
        FaceDataset,
        plural="facedatasets",
        short_name="fds",
        columns=(
            _PROGRESS,
            _LEFT,
            Column("Real", ".status.real", "integer", description="Real face images in the manifest."),
            Column("Synthetic", ".status.synthetic", "integer", description="Synthetic faces that passed screening."),
            Column("Rejected", ".status.rejected", "integer", description="Files and synthetic faces left out."),
            _COMMITTED,
            Column("Purpose", ".spec.privacy.purpose", wide=True),
            _ATTEMPT,
            _STAGE,
            _COST,
        ),
    ),
    Resource(
        RecognitionJob,
        plural="recognitionjobs",
        short_name="recjob",
        columns=(
            _PROGRESS,
            _LEFT,
            Column("Probes", ".status.probes", "integer", description="Probe images."),
            Column("Identified", ".status.identified", "integer", description="Probes recognised as somebody."),
            _COMMITTED,
            Column("Gallery", ".spec.galleryRef.name", wide=True),
            _ATTEMPT,
            _STAGE,
            _COST,
        ),
    ),
    Resource(
        LedgerBinding,
        plural="ledgerbindings",
        short_name="lbind",
        columns=(
            Column("Chain", ".spec.network.chainId", "integer", description="Chain id."),
            Column("Contract", ".status.contract", description="Address of the contract in use."),
            Column("Pending", ".status.pending", "integer", description="Records that are not final yet."),
            Column("Finalized", ".status.finalized", "integer", description="Records that are final."),
            Column("Balance", ".status.balance", description="The signer's balance, in ETH."),
            Column("Signer", ".status.signer", wide=True),
        ),
    ),
)
"""The three kinds, in the order of a first use."""


def crd(resource: Resource) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, as an object of the API."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{resource.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/name": "faceledger", "app.kubernetes.io/part-of": "faceledger"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.kind.lower(),
                "shortNames": [resource.short_name],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(resource),
                    "schema": {"openAPIV3Schema": _root_schema(resource.model)},
                }
            ],
        },
    }


def crd_files() -> dict[str, str]:
    """File name -> YAML text of every CustomResourceDefinition."""
    return {f"{GROUP}_{resource.plural}.yaml": _HEADER + _yaml(crd(resource)) for resource in RESOURCES}


def _root_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The API server owns metadata; its name is bounded here, so that rules about it have a bounded cost."""
    schema = structural_schema(model)
    properties = schema["properties"]
    name = {"type": "string", "maxLength": 253}
    schema["required"] = ["spec"]
    schema["properties"] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object", "properties": {"name": name, "generateName": name}},
        "spec": properties["spec"],
        "status": {
            **without_defaults(properties["status"]),
            "description": "What the operator last saw and did; written by the operator alone.",
            "default": {"observedGeneration": -1},
        },
    }
    return schema


def _columns(resource: Resource) -> list[dict[str, Any]]:
    columns = (_READY, *resource.columns, _AGE, _REASON, _MESSAGE)
    return [
        {"name": column.name, "type": column.type, "jsonPath": column.path}
        | ({"description": column.description} if column.description else {})
        | ({"priority": 1} if column.wide else {})
        for column in columns
    ]


class _Dumper(yaml.SafeDumper):
    """YAML without anchors: `kubectl` reads them, people do not."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the CustomResourceDefinitions.")
    parser.add_argument("--out", type=Path, action="append", help="folder to write to; may be repeated")
    for folder in parser.parse_args().out or FOLDERS:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in crd_files().items():
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
