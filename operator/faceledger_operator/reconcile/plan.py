"""Names an attempt and says what its run is asked to do.

In: a subject, its inputs, the number of the attempt. Out: the attempt's hash and name, and the part of a run spec
that both kinds share. Invariant: the same resource, spec and inputs give the same name, also after a restart of the
operator.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from decimal import Decimal
from posixpath import join
from typing import Any, Self

from faceledger_contracts.canonical import canonical_json
from faceledger_workloads.runspec import Subject as RunSubject
from faceledger_workloads.runspec import Workers

from ..api.base import AttemptStatus, Compute, ObjectMeta
from ..kube.labels import REQUESTED_AT
from ..ray.pods import DATA_KEY_FILE, OUTPUT_PATH, RUN_KEY_FILE
from .subject import Inputs, Subject

__all__ = [
    "SpecHash",
    "attempt_name",
    "common_run_fields",
    "in_folder",
    "parse_duration",
    "parse_quantity",
    "request_hash",
    "serves",
    "spec_hash",
]

STEM_LENGTH = 28
"""Characters of the resource's name in an attempt's name; KubeRay allows 47 in all."""

_UNITS = {"h": 3600, "m": 60, "s": 1}
_SCALES = {"m": Decimal("0.001"), "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12)}
_BINARY_SCALES = {"Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40)}


@dataclass(frozen=True)
class SpecHash:
    """What an attempt belongs to: `epoch` of the resource and its generation, `request` of the user's request to try
    again (zeros where there is none), `inputs` of all that determines the run."""

    epoch: str
    request: str
    inputs: str

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(text[:12], text[12:20], text[20:])

    def __str__(self) -> str:
        return self.epoch + self.request + self.inputs


def spec_hash(subject: Subject, inputs: Inputs, request: str) -> SpecHash:
    """`request` as in an earlier hash or of `request_hash`."""
    determined = {"spec": subject.spec_text, "inputs": asdict(inputs)}
    return SpecHash(_epoch(subject.metadata), request, _digest(determined, 12))


def serves(attempt: AttemptStatus, metadata: ObjectMeta) -> bool:
    """Whether the attempt was made for the spec as it is now."""
    return SpecHash.parse(attempt.spec_hash).epoch == _epoch(metadata)


def request_hash(metadata: ObjectMeta) -> str:
    """Which of the user's requests to try again an attempt answers; zeros where there is none."""
    requested = metadata.annotations.get(REQUESTED_AT)
    return _digest(requested, 8) if requested else "0" * 8


def attempt_name(name: str, hashed: SpecHash, number: int) -> str:
    """A DNS-1035 label of at most 47 characters, as the resource's name is one: KubeRay looks at no other RayJob."""
    return f"{name[:STEM_LENGTH].rstrip('-')}-{_digest(str(hashed), 10)}-{number}"


def common_run_fields(subject: Subject, inputs: Inputs, attempt: str, purpose: str, output_path: str) -> dict[str, Any]:
    """The part of a run spec that does not depend on the kind."""
    metadata = subject.metadata
    return {
        "attempt": attempt,
        "subject": RunSubject(
            kind=subject.kind.kind,
            namespace=metadata.namespace,
            name=metadata.name,
            uid=metadata.uid,
            generation=metadata.generation,
        ),
        "purpose": purpose,
        "chain_id": inputs.chain_id,
        "contract": inputs.contract,
        "ipfs_apis": inputs.content.apis,
        "ipfs_needed": inputs.content.needed,
        "image_digest": inputs.image,
        "report_config_map": f"{attempt}-report",
        "run_key_file": "" if subject.compute.mode == "Shared" else RUN_KEY_FILE,
        "data_key_file": DATA_KEY_FILE,
        "output": in_folder(OUTPUT_PATH, output_path),
        "workers": _workers(subject.compute),
    }


def in_folder(mount: str, path: str) -> str:
    """A path below a mount, as the pod sees it."""
    inner = path.strip("/")
    return join(mount, inner) if inner else mount


def parse_duration(text: str) -> int:
    """Seconds of `1h30m`."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)([hms])", text))


def parse_quantity(text: str) -> Decimal:
    """The number that a Kubernetes quantity spells."""
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", text)
    assert match, f"not a quantity: {text}"
    number, unit = match.groups()
    return Decimal(number) * {**_SCALES, **_BINARY_SCALES, "": Decimal(1)}[unit]


def _workers(compute: Compute) -> Workers:
    workers = compute.workers
    return Workers(min=workers.min, max=workers.max, cpu=parse_quantity(workers.cpu), gpu=workers.gpu)


def _epoch(metadata: ObjectMeta) -> str:
    return _digest([metadata.uid, metadata.generation], 12)


def _digest(value: object, length: int) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()[:length]
