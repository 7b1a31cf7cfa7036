"""Encodings of a gallery, kept so that a later job over the same faces encodes none of them again.

In: the folder, the gallery's seal key and the pipeline. Out: chip digest -> embedding, and back. A gallery's first job
writes the file, or the data set itself where its faces were encoded to be screened. Invariants: a stored row is found
under its chip's digest and its pipeline's digest alone, so rows of two pipelines never meet; a row that is damaged is
computed anew, and said; the file holds the faces of the gallery that was last used and no others, so what leaves the
gallery leaves it, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from faceledger_contracts.envelope import EncryptedFileError
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from faceledger_workloads.artefacts import write_whole
from faceledger_workloads.embedding.rows import DIMENSIONS, Embeddings
from faceledger_workloads.sealing import Seal

__all__ = ["EncodingFault", "Row", "StoredEncodings", "read_encodings", "write_encodings"]

NAME = "encodings.safetensors"
DIGESTS, ROWS = "digests", "rows"
DIGEST_BYTES = 32


class EncodingFault(StrEnum):
    """Why a stored encoding was not used; its face was encoded anew."""

    UNREADABLE = "Unreadable"
    """The file is cut off, was changed, or was stored for another pipeline, purpose or key."""
    NOT_FINITE = "NotFinite"
    """The row holds a value that is not a number, or infinite, or nothing but zeros."""


Row = NDArray[np.float32]
"""(128,), raw as the encoder gave it."""


@dataclass(frozen=True)
class StoredEncodings:
    """Usable rows by chip digest (`sha256:<hex>`), and how many were not usable, by fault."""

    rows: Mapping[str, Row]
    faults: Counter[EncodingFault] = field(default_factory=Counter)


def read_encodings(file: Path, seal: Seal) -> StoredEncodings:
    """What `file` holds; nothing where there is none. A file that cannot be used is one fault, whatever was in it."""
    try:
        with file.open("rb") as reader:
            tensors = load(b"".join(seal.read(reader, NAME)))
        digests, rows = _checked(tensors)
    except FileNotFoundError:
        return StoredEncodings({})
    except (EncryptedFileError, SafetensorError, OSError, ValueError):
        return StoredEncodings({}, Counter([EncodingFault.UNREADABLE]))
    sound: NDArray[np.bool_] = np.asarray(np.isfinite(rows).all(axis=1) & rows.any(axis=1))
    usable = {f"sha256:{digest.tobytes().hex()}": row for digest, row in zip(digests[sound], rows[sound], strict=True)}
    return StoredEncodings(usable, Counter([EncodingFault.NOT_FINITE] * int((~sound).sum())))


def write_encodings(file: Path, seal: Seal, rows: Mapping[str, Row]) -> None:
    """Replaces `file` as a whole; equal rows give an equal plaintext."""
    ordered = sorted(rows)
    digests = np.array([list(bytes.fromhex(one.removeprefix("sha256:"))) for one in ordered], dtype=np.uint8)
    stacked = np.stack([rows[one] for one in ordered]).astype(np.float32)
    write_whole(file, seal, NAME, [save({DIGESTS: digests, ROWS: stacked})])


def _checked(tensors: Mapping[str, NDArray[np.generic]]) -> tuple[NDArray[np.uint8], Embeddings]:
    digests, rows = tensors.get(DIGESTS), tensors.get(ROWS)
    if digests is None or rows is None:
        raise ValueError("not a file of encodings")
    if digests.dtype != np.uint8 or rows.dtype != np.float32:
        raise ValueError("encodings of another type")
    if digests.shape != (len(rows), DIGEST_BYTES) or rows.shape != (len(rows), DIMENSIONS):
        raise ValueError("encodings of another shape")
    return digests.astype(np.uint8), rows.astype(np.float32)
