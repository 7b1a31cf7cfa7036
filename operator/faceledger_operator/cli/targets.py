"""What a user names on the command line: a resource, a receipt file, or a folder of receipt files.

In: the argument. Out: a `Resource`, or paths of receipts. Invariant: what exists as a path is a path; else it must read
as KIND/NAME.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..kube.kinds import FACE_DATASET, LEDGER_BINDING, RECOGNITION_JOB, Kind
from .errors import CommandError

__all__ = ["OWN_KINDS", "RUN_KINDS", "Resource", "parse_pairs", "parse_resource", "receipt_files"]

RUN_KINDS = (FACE_DATASET, RECOGNITION_JOB)
"""Kinds whose results are committed."""

OWN_KINDS = (*RUN_KINDS, LEDGER_BINDING)

_SHORT_NAMES = {FACE_DATASET: "fds", RECOGNITION_JOB: "recjob", LEDGER_BINDING: "lbind"}

_KINDS: dict[str, Kind] = {
    spelling: kind
    for kind in OWN_KINDS
    for name in (kind.kind.lower(), kind.plural, _SHORT_NAMES[kind])
    for spelling in (name, f"{name}.{kind.group}")
}


@dataclass(frozen=True)
class Resource:
    """A custom resource of ours."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.kind.lower()}/{self.name}"


def parse_resource(target: str, kinds: tuple[Kind, ...] = RUN_KINDS) -> Resource:
    """The resource that `KIND/NAME` names; CommandError for anything else."""
    spelling, slash, name = target.partition("/")
    kind = _KINDS.get(spelling.lower())
    if not slash or not name or kind not in kinds:
        wanted = " or ".join(f"{kind.kind.lower()}/NAME" for kind in kinds)
        raise CommandError(f"{target}: expected {wanted}, or a path")
    return Resource(kind, name)


def receipt_files(path: Path) -> list[Path]:
    """The file, or every *.json file below the folder; CommandError for an empty folder."""
    if path.is_file():
        return [path]
    found = sorted(path.rglob("*.json"))
    if not found:
        raise CommandError(f"{path}: the folder holds no receipt (*.json)")
    return found


def parse_pairs(pairs: list[str]) -> dict[str, Path]:
    """`NAME=PATH` arguments; CommandError names the one that is none, or whose file is not there."""
    parsed = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or not name or not Path(path).is_file():
            raise CommandError(f"--artefact {pair}: expected NAME=PATH with the path of a file")
        parsed[name] = Path(path)
    return parsed
