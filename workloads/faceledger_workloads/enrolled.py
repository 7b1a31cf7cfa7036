"""The gallery of a recognition run: a finished data set, opened.

In: the encrypted manifest and chips with the digests that they must have. Out: who is enrolled with which chips.
Invariant: nothing is used before its digest was compared with the one that the run names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceledger_contracts.canonical import sha256_digest

from faceledger_workloads.artefacts import Sealed, read_artefact
from faceledger_workloads.chips import read_chips
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.manifest import RealRow, SyntheticRow, read_manifest
from faceledger_workloads.runspec import FailureReason, Gallery
from faceledger_workloads.session import read_data_key

__all__ = ["Enrolled", "open_gallery"]


@dataclass(frozen=True)
class Enrolled:
    """Chips as PNG bytes. `cohort` are synthetic faces: nobody, but good to compare with."""

    identities: tuple[str, ...]
    chips: tuple[bytes, ...]
    cohort: tuple[bytes, ...]


def open_gallery(gallery: Gallery, data_key: bytes, purpose: str) -> Enrolled:
    """Raises `RunFailed` (GalleryChanged, DataKeyInvalid, GalleryTooSmall) naming the file."""
    folder = Path(gallery.path)
    key = read_data_key(gallery.data_key_file, "gallery.dataKeyFile") if gallery.data_key_file else data_key
    sealed = Sealed(key, gallery.attempt or folder.name, purpose)
    try:
        rows = read_manifest(read_artefact(folder, "manifest.jsonl", sealed, gallery.manifest_digest))
        chips = read_chips(read_artefact(folder, "faces.tar", sealed, gallery.faces_digest))
        real = [row for row in rows if isinstance(row, RealRow) and row.identity]
        synthetic = [row for row in rows if isinstance(row, SyntheticRow)] if gallery.use_synthetic_cohort else []
        enrolled = Enrolled(
            tuple(row.identity for row in real if row.identity),
            tuple(_chip(chips, row) for row in real),
            tuple(_chip(chips, row) for row in synthetic),
        )
    except ValueError as error:
        raise RunFailed(FailureReason.GALLERY_CHANGED, f"gallery: {error}") from error
    if not enrolled.identities:
        message = "gallery: no photo in it names a person: use layout IdentityFolders"
        raise RunFailed(FailureReason.GALLERY_TOO_SMALL, message)
    return enrolled


def _chip(chips: dict[str, bytes], row: RealRow | SyntheticRow) -> bytes:
    chip = chips.get(row.chip, b"")
    if sha256_digest(chip) != row.chip_digest:
        raise ValueError(f"faces.tar: {row.chip} is not the chip of the manifest")
    return chip
