"""What a user names on the command line: a resource, a receipt file, or a folder of receipt files.

In: the argument. Out: a `Resource`, or paths of receipts. Invariant: what exists as a path is a path; else it must read
as KIND/NAME.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..kube.kinds import FACE_DATASET, RECOGNITION_JOB, Kind
from .errors import CommandError

__all__ = ["Resource", "parse_pairs", "parse_resource", "receipt_files"]

_KINDS: dict[str, Kind] = {
    spelling: kind
    for kind, short in ((FACE_DATASET, "fds"), (RECOGNITION_JOB, "recjob"))
    for name in (kind.kind.lower(), kind.plural, short)
    for spelling in (name, f"{name}.{kind.group}")
}


@dataclass(frozen=True)
class Resource:
    """A custom resource whose result was committed."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.kind.lower()}/{self.name}"


def parse_resource(target: str) -> Resource:
    """The resource that `KIND/NAME` names; CommandError for anything else."""
    kind, slash, name = target.partition("/")
    if not slash or not name or kind.lower() not in _KINDS:
        raise CommandError(f"{target}: neither a file, nor a folder, nor facedataset/NAME or recognitionjob/NAME")
    return Resource(_KINDS[kind.lower()], name)


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
