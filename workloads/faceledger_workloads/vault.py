"""The output volume of a run: where its files lie, and the key that seals them.

In: the folder, the key (none on a machine of one's own, where files may lie open) and the purpose. Out: a seal for
each attempt's files, and the place of stored encodings. Invariant: the key is read here and leaves this room only
inside of a seal, or to salt result lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceledger_contracts.envelope import key_id, parse_data_key

from faceledger_workloads.failures import RunFailed
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.sealing import Plain, Seal, Sealed

__all__ = ["Vault", "read_data_key"]

ENCODINGS = "encodings"
"""Folder of stored encodings below the output folder; no attempt has this name: theirs end in a number."""

SHOWN_DIGITS = 16
"""Hex digits of a digest in a file's name; the whole digest is in what authenticates the file."""


@dataclass(frozen=True)
class Vault:
    """`key` is None where files lie open."""

    folder: Path
    key: bytes | None
    purpose: str

    def seal(self, attempt: str) -> Seal:
        """What the files of `attempt` are sealed with."""
        return Plain(attempt) if self.key is None else Sealed(self.key, attempt, self.purpose)

    def encodings(self, pipeline: str) -> tuple[Path, Seal]:
        """The file of encodings that `pipeline` (a digest) made, for all data sets of this key and purpose; it is
        bound to that pipeline as an attempt's files are to their attempt."""
        seal = self.seal(pipeline)
        owner = "open" if self.key is None else key_id(self.key).hex()
        stem = f"{owner}-{pipeline.removeprefix('sha256:')[:SHOWN_DIGITS]}"
        return self.folder / ENCODINGS / f"{stem}.safetensors{seal.suffix}", seal


def read_data_key(file: str, field: str) -> bytes:
    """The key, in any form of `parse_data_key`. Raises `RunFailed` (DataKeyInvalid) naming `field`."""
    try:
        return parse_data_key(Path(file).read_bytes())
    except OSError as error:
        message = f"{field}: {file} cannot be read: {error.strerror}"
        raise RunFailed(FailureReason.DATA_KEY_INVALID, message) from error
    except ValueError as error:
        raise RunFailed(FailureReason.DATA_KEY_INVALID, f"{field}: {file}: {error}") from error
