"""The gallery of a recognition run: a finished data set, opened.

In: the sealed manifest and chips with the digests that they must have. Out: who is enrolled with which chips, and the
chips one after the other. Invariants: nothing is used before its digest was compared with the one that the run, or the
manifest that the run names, says; memory holds rows, never all chips.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from faceledger_contracts.canonical import sha256_digest

from faceledger_workloads.artefacts import open_artefact, read_artefact
from faceledger_workloads.chips import read_chips
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.manifest import Made, RealRow, SyntheticRow, read_manifest
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import Gallery
from faceledger_workloads.sealing import Seal

__all__ = ["Chip", "Enrolled", "open_gallery"]


@dataclass(frozen=True)
class Chip:
    """An aligned face: `digest` of its PNG bytes, by which its encoding is known."""

    digest: str
    png: bytes


@dataclass(frozen=True)
class Enrolled:
    """Rows of the manifest. `people` name somebody; `cohort` are synthetic faces: nobody, but good to compare with."""

    gallery: Gallery
    seal: Seal
    people: tuple[RealRow, ...]
    cohort: tuple[SyntheticRow, ...]

    @property
    def identities(self) -> tuple[str, ...]:
        """Whose each row of `people` is."""
        return tuple(row.identity or "" for row in self.people)

    @property
    def digests(self) -> tuple[str, ...]:
        """Of the chips of all rows, each once, in order."""
        return tuple(dict.fromkeys(row.chip_digest for row in (*self.people, *self.cohort)))

    def chips(self, wanted: Collection[str]) -> Iterator[Chip]:
        """Each of the `wanted` digests once, in the archive's order, while the archive is read. Raises `RunFailed`
        (GalleryChanged) naming what differs."""
        expected = {row.chip: row.chip_digest for row in (*self.people, *self.cohort)}
        missing = set(wanted)
        try:
            for name, png in read_chips(self._archive()):
                digest = expected.get(name)
                if digest in missing:
                    missing.remove(digest)
                    yield _checked(name, png, digest)
            if missing:
                raise ValueError(f"faces.tar: {len(missing)} chips of the manifest are not in it")
        except ValueError as error:
            raise RunFailed(FailureReason.GALLERY_CHANGED, f"gallery: {error}") from error

    def _archive(self) -> Iterator[bytes]:
        return open_artefact(Path(self.gallery.path), "faces.tar", self.seal, self.gallery.faces_digest)


def open_gallery(gallery: Gallery, seal: Seal) -> Enrolled:
    """Raises `RunFailed` (GalleryChanged, GalleryTooSmall) naming the file. `seal`: the data set's."""
    try:
        rows = read_manifest(read_artefact(Path(gallery.path), "manifest.jsonl", seal, gallery.manifest_digest))
    except ValueError as error:
        raise RunFailed(FailureReason.GALLERY_CHANGED, f"gallery: {error}") from error
    people = tuple(row for row in rows if isinstance(row, RealRow) and row.identity)
    if not people:
        message = "gallery: no photo in it names a person: use layout IdentityFolders"
        raise RunFailed(FailureReason.GALLERY_TOO_SMALL, message)
    # What was made of somebody enrolled is that person, and compared as nobody it would spoil what others are held to.
    synthetic = (
        row
        for row in rows
        if isinstance(row, SyntheticRow) and gallery.use_synthetic_cohort and row.made is Made.SAMPLED
    )
    return Enrolled(gallery, seal, people, tuple(synthetic))


def _checked(name: str, png: bytes, digest: str) -> Chip:
    if sha256_digest(png) != digest:
        raise ValueError(f"faces.tar: {name} is not the chip of the manifest")
    return Chip(digest, png)
