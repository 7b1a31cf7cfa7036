"""The FaceDataset workload: X_augmented = X_R ∪ X_S, one manifest over real and screened synthetic faces.

In: a folder of photos and, if asked, a generator. Out: manifest, chips and sheets, encrypted. Invariant: the manifest
has one row for every file that was there and every face that was drawn, kept or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import groupby, tee
from typing import Any, assert_never

from faceledger_contracts.canonical import sha256_digest

from faceledger_workloads.admission import Admission
from faceledger_workloads.augmentation import Augmentation, DrawnFace, Judged, drawn_faces
from faceledger_workloads.chips import write_chips
from faceledger_workloads.embedding.pipeline import chip_pipeline, pipeline_digest
from faceledger_workloads.embedding.rows import Embeddings, joined
from faceledger_workloads.encodings import Row, write_encodings
from faceledger_workloads.enrolled_variations import EnrolledFace, vary_enrolled
from faceledger_workloads.face import Face, Unfit
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.generator_training import Trained, train_generator
from faceledger_workloads.images.source import Photo, list_photos
from faceledger_workloads.manifest import (
    Made,
    ManifestRow,
    QualityRow,
    RealRow,
    RejectedRow,
    ScreenedRow,
    SyntheticRow,
    manifest_lines,
)
from faceledger_workloads.models import FIVE_POINTS
from faceledger_workloads.models_used import models_used
from faceledger_workloads.runreport import DatasetSummary, FailureReason
from faceledger_workloads.runspec import DatasetRun, Encoder, Images, Synthesis
from faceledger_workloads.session import Outcome, Session
from faceledger_workloads.shards import DETECTION, PHOTOS, Pool, Shared, cut, detection, generation, variation
from faceledger_workloads.sheets.contact_sheet import MAX_TILES, Tile, draw_sheet
from faceledger_workloads.synthesis_report import SynthesisTally, report_html, report_json, report_png
from faceledger_workloads.training_faces import TrainingFaces
from faceledger_workloads.work import Draw, Encoded, Seen, TrainedGenerator, VariationOrder, WorkerSetup

__all__ = ["run_dataset"]


def run_dataset(session: Session, run: DatasetRun) -> Outcome:
    """The whole workload. Raises `RunFailed`."""
    photos = list_photos(run.source, "source")
    setup = WorkerSetup(
        source=run.source,
        search=run.search,
        gate=run.gate,
        chip_size=run.preprocessing.size,
        encoder=Encoder(precision=run.synthesis.precision) if run.synthesis else None,
        threads=max(1, int(run.workers.cpu)),
        device="cuda" if run.workers.gpu else "cpu",
        synthesis=run.synthesis,
    )
    pool = session.pool(setup)
    try:
        return _Collection(session, pool, run, setup).collect(photos)
    finally:
        pool.close()


_Entry = tuple[Photo, Face | Unfit, tuple[str, ...]]
"""A photo, one face in it, and what a gate that only reports says of that."""


class _Collection:
    """What has been gathered so far: a row for each image, tiles for the sheets."""

    def __init__(self, session: Session, pool: Pool, run: DatasetRun, setup: WorkerSetup) -> None:
        self._session = session
        self._pool = pool
        self._run = run
        self._synthesis = run.synthesis
        self._training_faces = TrainingFaces(run.synthesis.train if run.synthesis else None)
        self._trained: Trained | None = None
        self._tally = SynthesisTally()
        self._enrolled: dict[int, EnrolledFace] = {}
        self._rows: list[ManifestRow] = []
        self._embeddings: list[Embeddings] = []
        self._tiles: list[Tile] = []
        self._synthetic_tiles: list[Tile] = []
        self._checkpoint: str | None = None
        self._admission = Admission()
        self._setup = setup
        self._synthetic_encodings: dict[str, Row] = {}

    def collect(self, photos: Sequence[Photo]) -> Outcome:
        """Chips first, because making them fills everything else."""
        session = self._session
        session.keep("faces.tar", write_chips(self._chips(photos)))
        lines = manifest_lines(sorted(self._rows, key=_manifest_order))
        root = session.keep_lines("manifest.jsonl", "manifest-salts.bin", lines)
        session.keep("contact-sheet.png", [draw_sheet(self._tiles)])
        if self._synthetic_tiles:
            session.keep("synthetic-grid.png", [draw_sheet(self._synthetic_tiles)])
        if self._synthesis:
            self._keep_quality_report()
        self._keep_encodings()
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
            self._train()
            for judged in self._judged(self._synthesis):
                yield from self._synthetic_chip(judged, self._synthesis)

    def _judged(self, synthesis: Synthesis) -> Iterator[Judged]:
        """Every synthetic face with the decision on it."""
        faces, real = list(self._enrolled.values()), joined(self._embeddings)
        if synthesis.generator != "CycleGAN":
            yield from Augmentation(synthesis, real, [face.identity for face in faces], self._draw).run()
        for made, count in _enrolled_variations(synthesis):
            vary = partial(self._vary, made)
            yield from vary_enrolled(synthesis.screening, count, made, faces, real, vary)

    def _keep_encodings(self) -> None:
        """What screening had to encode need not be encoded again by the first job over this gallery."""
        if self._setup.encoder is None:
            return
        real = [row for row in self._rows if isinstance(row, RealRow)]
        pairs = zip(real, joined(self._embeddings), strict=True)
        rows = {row.chip_digest: encoding for row, encoding in pairs if row.identity} | self._synthetic_encodings
        pipeline = pipeline_digest(chip_pipeline(self._setup.encoder, self._setup.device))
        if rows:
            write_encodings(*self._session.vault.encodings(pipeline), rows)

    def _keep_quality_report(self) -> None:
        """How good the synthetic faces are, as numbers, a chart and a page."""
        figures = self._tally.figures(joined(self._embeddings))
        chart = report_png(figures)
        grid = draw_sheet(self._synthetic_tiles) if self._synthetic_tiles else None
        self._session.keep("quality.json", [report_json(figures)])
        self._session.keep("quality.png", [chart])
        self._session.keep("quality.html", [report_html(figures, chart, grid)])

    def _train(self) -> None:
        """Trains the generator where the run does; draws are made by it then."""
        training = self._synthesis.train if self._synthesis else None
        if training is None:
            return
        if training.images is not None:
            self._look_at_training_faces(training.images)
        self._trained = train_generator(self._session, self._pool, self._run, self._training_faces.pixels())

    def _look_at_training_faces(self, images: Images) -> None:
        """Faces of another folder; they are trained on, and are not in the manifest."""
        photos = list_photos(images, "synthesis.train.images")
        chain, total = detection(images), len(photos)
        seen: Seen
        for seen in self._session.stage(self._pool, "detecting training faces", chain, cut(photos), total):
            for face in seen.faces:
                self._training_faces.add(face)

    def _real_chips(self, photos: Sequence[Photo]) -> Iterator[tuple[str, bytes]]:
        for number, (place, (photo, found, told)) in enumerate(_placed(self._looked_at(photos))):
            if isinstance(found, Unfit):
                self._rows.append(_rejected_row(photo, found))
                continue
            row = _real_row(photo, found, f"real/{number:08d}.png", told)
            self._rows.append(row)
            self._training_faces.add_own(found)
            if self._synthesis:
                self._enrolled[number] = EnrolledFace(number, row.identity or row.path, photo, place)
            self._show(self._tiles, found, photo.identity or "")
            yield row.chip, found.chip_png

    def _looked_at(self, photos: Sequence[Photo]) -> Iterator[_Entry]:
        """Embeddings are computed only where synthetic faces will be compared with them."""
        chain = DETECTION if self._synthesis is None else PHOTOS
        shard: Seen | Encoded
        for shard in self._session.stage(self._pool, "detecting faces", chain, cut(photos), len(photos)):
            seen = shard.seen if isinstance(shard, Encoded) else shard
            admitted = [self._admission.admit(*one) for one in zip(seen.photos, seen.found, strict=True)]
            if isinstance(shard, Encoded):
                pairs = zip(seen.found, admitted, strict=True)
                kept = [isinstance(now, Face) for was, now in pairs if isinstance(was, Face)]
                self._embeddings.append(shard.embeddings[kept])
            yield from zip(seen.photos, admitted, seen.faults, strict=True)

    def _draw(self, draws: Sequence[Draw]) -> Iterator[DrawnFace]:
        chain = generation(self._shared_generator())
        return drawn_faces(draws, self._session.stage(self._pool, "generating faces", chain, cut(draws), len(draws)))

    def _vary(self, made: Made, orders: Iterable[VariationOrder], total: int) -> Iterator[DrawnFace]:
        orders, again = tee(orders)  # shards are taken a few ahead of their answers: no more is kept
        shards = self._session.stage(
            self._pool, "varying faces", variation(self._shared_generator()), cut(orders), total
        )
        return drawn_faces(((order.number, order.variation) for order in again), shards, made)

    def _shared_generator(self) -> Shared[TrainedGenerator] | None:
        return self._pool.share(self._trained.generator) if self._trained else None

    def _synthetic_chip(self, judged: Judged, synthesis: Synthesis) -> Iterator[tuple[str, bytes]]:
        (index, number), found = judged.face.draw, judged.face.found
        self._checkpoint = judged.face.checkpoint or self._checkpoint
        self._tally.add(number, judged.reason, judged.face.embedding)
        if judged.reason is not None or isinstance(found, Unfit):
            made, reason = judged.face.made, str(judged.reason)
            self._rows.append(ScreenedRow(made=made, index=index, variation=number, reason=reason))
            return
        sampled = judged.face.made is Made.SAMPLED
        identity = f"synthetic-{index:06d}" if sampled else self._enrolled[index].identity
        row = _synthetic_row(judged.face, found, synthesis, identity)
        self._rows.append(row)
        if sampled and judged.face.embedding is not None:  # a gallery has no other: it enrols no variation of a person
            self._synthetic_encodings[row.chip_digest] = judged.face.embedding
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
            models=models_used(self._setup),
            rejected=self._rejected(),
            screened=_counts(row.reason for row in self._rows if isinstance(row, ScreenedRow)),
            training=self._trained.summary if self._trained else None,
        )

    def _rejected(self) -> dict[str, int]:
        return _counts(row.reason for row in self._rows if isinstance(row, RejectedRow))


def _placed(entries: Iterator[_Entry]) -> Iterator[tuple[int, _Entry]]:
    """Each entry with its place among those of its photo."""
    for _, of_one in groupby(entries, key=lambda entry: entry[0]):
        yield from enumerate(of_one)


def _real_row(photo: Photo, face: Face, chip: str, told: tuple[str, ...]) -> RealRow:
    return RealRow(path=photo.shown_path, identity=photo.identity, faults=told, **_seen(face, chip))


def _synthetic_row(drawn: DrawnFace, face: Face, synthesis: Synthesis, identity: str) -> SyntheticRow:
    """Of a variation of a real face, `index` is the number of that face's chip."""
    index, variation = drawn.draw
    folder = "synthetic" if drawn.made is Made.SAMPLED else drawn.made.lower()
    return SyntheticRow(
        made=drawn.made,
        identity=identity,
        checkpoint=drawn.checkpoint,
        seed=synthesis.seed,
        truncation=str(synthesis.truncation),
        precision=synthesis.precision,
        index=index,
        variation=variation,
        **_seen(face, f"{folder}/{index:06d}-{variation:02d}.png"),
    )


def _enrolled_variations(synthesis: Synthesis) -> Iterator[tuple[Made, int]]:
    """How real faces are varied, and how often each."""
    if synthesis.generator == "CycleGAN" and synthesis.variations_per_identity:
        yield Made.TRANSLATED, synthesis.variations_per_identity
    if synthesis.enrolled_variations:
        yield Made.AUGMENTED, synthesis.enrolled_variations


def _seen(face: Face, chip: str) -> dict[str, Any]:
    return {
        "digest": face.digest,
        "box": face.box.edges,
        "detection_score": face.detection_score,
        "clarity": face.clarity,
        "quality": QualityRow(**asdict(face.quality)),
        "turned": face.turned,
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
            return 1 + list(Made).index(row.made), "", row.index, row.variation
        case _:
            assert_never(row)


def _counts(reasons: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(reasons).items()))


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())
