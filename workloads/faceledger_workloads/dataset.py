"""The FaceDataset workload: X_augmented = X_R ∪ X_S, one manifest over real and screened synthetic faces.

In: a folder of photos and, if asked, a generator. Out: manifest, chips and sheets, encrypted. Invariant: the manifest
has one row for every file that was there and every face that was drawn, kept or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, assert_never

from faceledger_contracts.canonical import sha256_digest

from faceledger_workloads.augmentation import Augmentation, DrawnFace, Judged, drawn_faces
from faceledger_workloads.chips import write_chips
from faceledger_workloads.embedding.rows import Embeddings, joined
from faceledger_workloads.face import Face, Unfit
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.images.source import Photo, list_photos
from faceledger_workloads.manifest import ManifestRow, RealRow, RejectedRow, ScreenedRow, SyntheticRow, manifest_lines
from faceledger_workloads.models import FIVE_POINTS
from faceledger_workloads.runspec import DatasetRun, DatasetSummary, Encoder, FailureReason, Synthesis
from faceledger_workloads.session import Outcome, Session
from faceledger_workloads.shards import DETECTION, GENERATION, PHOTOS, Pool, cut
from faceledger_workloads.sheets.contact_sheet import MAX_TILES, Tile, draw_sheet
from faceledger_workloads.work import Draw, Encoded, Seen, WorkerSetup

__all__ = ["run_dataset"]


def run_dataset(session: Session, run: DatasetRun) -> Outcome:
    """The whole workload. Raises `RunFailed`."""
    if run.synthesis and run.synthesis.generator != "StyleGAN2":
        message = f"synthesis.generator {run.synthesis.generator} is not available; there is StyleGAN2"
        raise RunFailed(FailureReason.GENERATOR_UNSUPPORTED, message)
    photos = list_photos(run.source, "source")
    setup = WorkerSetup(
        source=run.source,
        chip_size=run.preprocessing.size,
        encoder=Encoder() if run.synthesis else None,
        threads=max(1, int(run.workers.cpu)),
        device="cuda" if run.workers.gpu else "cpu",
        synthesis=run.synthesis,
    )
    pool = session.pool(setup)
    try:
        return _Collection(session, pool, run.synthesis).collect(photos)
    finally:
        pool.close()


class _Collection:
    """What has been gathered so far: a row for each image, tiles for the sheets."""

    def __init__(self, session: Session, pool: Pool, synthesis: Synthesis | None) -> None:
        self._session = session
        self._pool = pool
        self._synthesis = synthesis
        self._rows: list[ManifestRow] = []
        self._embeddings: list[Embeddings] = []
        self._tiles: list[Tile] = []
        self._synthetic_tiles: list[Tile] = []
        self._checkpoint: str | None = None

    def collect(self, photos: Sequence[Photo]) -> Outcome:
        """Chips first, because making them fills everything else."""
        session = self._session
        session.keep("faces.tar", write_chips(self._chips(photos)))
        lines = manifest_lines(sorted(self._rows, key=_manifest_order))
        root = session.keep_lines("manifest.jsonl", "manifest-salts.bin", lines)
        session.keep("contact-sheet.png", [draw_sheet(self._tiles)])
        if self._synthetic_tiles:
            session.keep("synthetic-grid.png", [draw_sheet(self._synthetic_tiles)])
        return Outcome(
            self._summary(len(photos)), tuple(session.artefacts), root, self._checkpoint or FIVE_POINTS.digest
        )

    def _chips(self, photos: Sequence[Photo]) -> Iterator[tuple[str, bytes]]:
        yield from self._real_chips(photos)
        real = [row for row in self._rows if isinstance(row, RealRow)]
        if not real:
            message = f"source.path: no usable face in any of {len(photos)} files: {_counted(self._rejected())}"
            raise RunFailed(FailureReason.NO_FACE_FOUND, message)
        if self._synthesis:
            identities = [row.identity or row.path for row in real]
            augmentation = Augmentation(self._synthesis, joined(self._embeddings), identities, self._draw)
            for judged in augmentation.run():
                yield from self._synthetic_chip(judged, self._synthesis)

    def _real_chips(self, photos: Sequence[Photo]) -> Iterator[tuple[str, bytes]]:
        waiting = iter(photos)
        for number, (photo, found) in enumerate(zip(waiting, self._looked_at(photos), strict=True)):
            if isinstance(found, Unfit):
                self._rows.append(_rejected_row(photo, found))
                continue
            row = _real_row(photo, found, f"real/{number:08d}.png")
            self._rows.append(row)
            self._show(self._tiles, found, photo.identity or "")
            yield row.chip, found.chip_png

    def _looked_at(self, photos: Sequence[Photo]) -> Iterator[Face | Unfit]:
        """Embeddings are computed only where synthetic faces will be compared with them."""
        total = len(photos)
        if self._synthesis is None:
            seen: Seen
            for seen in self._session.stage(self._pool, "detecting faces", DETECTION, cut(photos), total):
                yield from seen.found
            return
        shard: Encoded
        for shard in self._session.stage(self._pool, "detecting faces", PHOTOS, cut(photos), total):
            self._embeddings.append(shard.embeddings)
            yield from shard.seen.found

    def _draw(self, draws: Sequence[Draw]) -> Iterator[DrawnFace]:
        stage = self._session.stage(self._pool, "generating faces", GENERATION, cut(draws), len(draws))
        return drawn_faces(draws, stage)

    def _synthetic_chip(self, judged: Judged, synthesis: Synthesis) -> Iterator[tuple[str, bytes]]:
        (index, variation), found = judged.face.draw, judged.face.found
        self._checkpoint = judged.face.checkpoint
        if judged.reason is not None or isinstance(found, Unfit):
            self._rows.append(ScreenedRow(index=index, variation=variation, reason=str(judged.reason)))
            return
        row = _synthetic_row(judged.face, found, synthesis)
        self._rows.append(row)
        self._show(self._synthetic_tiles, found, row.identity or "")
        yield row.chip, found.chip_png

    def _show(self, tiles: list[Tile], face: Face, name: str) -> None:
        if len(tiles) < MAX_TILES:
            tiles.append(Tile(face.chip_png, name, face.clarity, face.chip_landmarks))

    def _summary(self, images: int) -> DatasetSummary:
        real = [row for row in self._rows if isinstance(row, RealRow)]
        synthetic = sum(isinstance(row, SyntheticRow) for row in self._rows)
        return DatasetSummary(
            images=len(real) + synthetic,
            real=len(real),
            synthetic=synthetic,
            identities=len({row.identity for row in real if row.identity}),
            rejected=self._rejected(),
            screened=_counts(row.reason for row in self._rows if isinstance(row, ScreenedRow)),
        )

    def _rejected(self) -> dict[str, int]:
        return _counts(row.reason for row in self._rows if isinstance(row, RejectedRow))


def _real_row(photo: Photo, face: Face, chip: str) -> RealRow:
    return RealRow(path=photo.shown_path, identity=photo.identity, **_seen(face, chip))


def _synthetic_row(drawn: DrawnFace, face: Face, synthesis: Synthesis) -> SyntheticRow:
    index, variation = drawn.draw
    return SyntheticRow(
        identity=f"synthetic-{index:06d}",
        checkpoint=drawn.checkpoint,
        seed=synthesis.seed,
        truncation=str(synthesis.truncation),
        index=index,
        variation=variation,
        **_seen(face, f"synthetic/{index:06d}-{variation:02d}.png"),
    )


def _seen(face: Face, chip: str) -> dict[str, Any]:
    return {
        "digest": face.digest,
        "box": (face.box.left, face.box.top, face.box.right, face.box.bottom),
        "detection_score": face.detection_score,
        "clarity": face.clarity,
        "landmarks": face.landmarks,
        "chip": chip,
        "chip_digest": sha256_digest(face.chip_png),
    }


def _rejected_row(photo: Photo, unfit: Unfit) -> RejectedRow:
    return RejectedRow(path=photo.shown_path, identity=photo.identity, digest=unfit.digest, reason=unfit.reason)


def _manifest_order(row: ManifestRow) -> tuple[int, str, int, int]:
    match row:
        case RealRow() | RejectedRow():
            return 0, row.path, 0, 0
        case SyntheticRow() | ScreenedRow():
            return 1, "", row.index, row.variation
        case _:
            assert_never(row)


def _counts(reasons: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(reasons).items()))


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())
