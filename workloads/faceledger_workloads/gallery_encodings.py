"""The templates of a gallery: stored ones where there are, the others computed by the workers and then stored.

In: who is enrolled, the encoder, the vault. Out: a `TemplateGallery` and what it took. Invariants: each chip is encoded
once however often it is enrolled; a gallery that no face joined or left encodes nothing the second time; the templates
are the same whichever way they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from faceledger_workloads.embedding.pipeline import chip_pipeline, pipeline_digest
from faceledger_workloads.embedding.rows import DIMENSIONS, Embeddings
from faceledger_workloads.encodings import Row, read_encodings, write_encodings
from faceledger_workloads.enrolled import Enrolled
from faceledger_workloads.manifest import RealRow, SyntheticRow
from faceledger_workloads.matching.gallery import TemplateGallery
from faceledger_workloads.runreport import EncodingWork
from faceledger_workloads.runspec import Encoder, Templates
from faceledger_workloads.session import Session
from faceledger_workloads.shards import ENCODING, Pool, cut
from faceledger_workloads.vault import Vault

__all__ = ["encode_gallery"]


def encode_gallery(
    session: Session,
    pool: Pool,
    enrolled: Enrolled,
    vault: Vault,
    encoder: Encoder,
    device: str,
    templates: Templates = Templates.MAX,
) -> tuple[TemplateGallery, EncodingWork]:
    """`vault`: the data set's, whose key seals the stored encodings. Raises `RunFailed` (GalleryChanged)."""
    file, seal = vault.encodings(pipeline_digest(chip_pipeline(encoder, device)))
    stored = read_encodings(file, seal)
    rows = {digest: stored.rows[digest] for digest in enrolled.digests if digest in stored.rows}
    missing = [digest for digest in enrolled.digests if digest not in rows]
    work = EncodingWork(encoded=len(missing), reused=len(rows), discarded=dict(stored.faults))
    if missing:
        rows |= _encoded(session, pool, enrolled, missing, work.reused)
    else:
        session.reporter.progress("gallery encodings reused", work.reused, work.reused)
    if rows.keys() != stored.rows.keys() or work.discarded:
        write_encodings(file, seal, rows)
    people, cohort = _stacked(rows, enrolled.people), _stacked(rows, enrolled.cohort)
    return TemplateGallery.build(people, enrolled.identities, cohort, templates), work


def _encoded(session: Session, pool: Pool, enrolled: Enrolled, missing: Sequence[str], reused: int) -> dict[str, Row]:
    """Chips stream from the archive through the workers; what stays here are rows."""
    order: list[str] = []

    def chips() -> Iterator[bytes]:
        for chip in enrolled.chips(missing):
            order.append(chip.digest)
            yield chip.png

    stage = f"encoding gallery, {reused} reused" if reused else "encoding gallery"
    parts = session.stage(pool, stage, ENCODING, cut(chips()), len(missing))
    rows = [row for part in parts for row in part]
    return dict(zip(order, rows, strict=True))


def _stacked(rows: Mapping[str, Row], manifest: Sequence[RealRow | SyntheticRow]) -> Embeddings:
    if not manifest:
        return np.empty((0, DIMENSIONS), dtype=np.float32)
    return np.stack([rows[row.chip_digest] for row in manifest])
