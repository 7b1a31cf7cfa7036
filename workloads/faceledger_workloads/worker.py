"""The Ray actor that sees faces: one process, its models loaded once, told which files to read.

In: shards of photos, chips or generator indices. Out: faces, embeddings, generated pixels. Invariant: an answer
depends on the shard and the setup alone, so it does not matter which worker gives it or how often it is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from faceledger_workloads.allocator import keep_freed_memory
from faceledger_workloads.device import usable_device
from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.face import Face, FaceFinder, Unfit
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import decode_png
from faceledger_workloads.images.source import Photo
from faceledger_workloads.manifest import Made
from faceledger_workloads.matching.scores import Scorer, search_faces
from faceledger_workloads.models import ModelFileError
from faceledger_workloads.quality import faults
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import Images
from faceledger_workloads.shards import Shared
from faceledger_workloads.step_taker import StepTaker
from faceledger_workloads.work import (
    Draw,
    Encoded,
    Found,
    Generated,
    Matched,
    Seen,
    TrainedGenerator,
    TrainingOrder,
    TrainingResult,
    VariationOrder,
    WorkerSetup,
)

if TYPE_CHECKING:
    from faceledger_workloads.embedding.encoder import FaceEncoder
    from faceledger_workloads.sampler import Sampler
    from faceledger_workloads.synthesis.portraits import PortraitFinder

__all__ = ["FaceWorker"]


class FaceWorker(StepTaker):
    """Methods are Ray tasks; they are safe to repeat.

    The driver imports this module too, for the class alone: torch is loaded in the methods, so that it stays small.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        # Importing or building a model here would turn its error into an actor that never starts: see `ready`.
        self._setup = setup
        # Read when torch is loaded. On a shared node, threads that spin while they wait for each other keep each other
        # from working: with one of two cores taken, two of them encoded a sixth of what one alone did.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        keep_freed_memory()
        self._trained: tuple[str, Sampler] | None = None
        self._scorer: tuple[Shared[Scorer], Scorer] | None = None
        self._varied: tuple[Photo, tuple[Found, ...]] | None = None

    def ready(self) -> int:
        """Loads the models and answers the process id. Raises `RunFailed` when one is missing or not the pinned one."""
        try:
            _ = self._finder
            if self._setup.encoder is not None:
                _ = self._encoder
        except ModelFileError as error:
            raise RunFailed(FailureReason.INFRASTRUCTURE_FAILED, str(error)) from error
        if self._setup.synthesis is not None and self._setup.synthesis.checkpoint is not None:
            _ = self._sampler
        return os.getpid()

    def forget(self) -> None:
        """What a run left: for a worker that another run goes on with."""
        self._trained = self._scorer = self._varied = self._carried = None

    def detect_faces(self, shard: Sequence[Photo], folder: Images | None = None) -> Seen:
        """Decodes, detects and aligns a shard of the source's files, or of another folder's."""
        images = folder or self._setup.source
        paths = [Path(images.path, photo.path) for photo in shard]
        seen = self._finder.all_in_files(paths, images.max_bytes, images.max_pixels, self._setup.chip_size)
        entries = [(photo, *entry) for photo, one in zip(shard, seen, strict=True) for entry in self._gated(one)]
        photos, found, told = zip(*entries, strict=True) if entries else ((), (), ())
        return Seen(found, photos, told)

    def screen_generated(self, shard: Generated) -> Encoded:
        """Detects, aligns and encodes generated faces."""
        from faceledger_workloads.synthesis.portraits import Portrait

        looked = self._portraits.look(shard.images, self._setup.chip_size)
        rows = self._encoder.encode([one.chip for one in looked if isinstance(one, Portrait)])
        found = tuple(one.packed() if isinstance(one, Portrait) else one for one in looked)
        return Encoded(Seen(found, checkpoint=shard.checkpoint), rows)

    def encode_found(self, seen: Seen) -> Encoded:
        """Adds the embeddings of the shard's faces."""
        return Encoded(seen, self.encode_chips([face.chip_png for face in seen.faces]))

    def match_probes(self, encoded: Encoded, scorer: Shared[Scorer], depth: int) -> Matched:
        """Adds the `depth` likest people of each face."""
        if self._scorer is None or self._scorer[0] != scorer:
            self._scorer = (scorer, scorer.get())
        return Matched(encoded, search_faces(self._scorer[1], encoded.embeddings, depth))

    def encode_chips(self, chips: Sequence[bytes]) -> Embeddings:
        """(n, 128) for PNG chips."""
        return self._encoder.encode([decode_png(chip) for chip in chips])

    def generate_faces(self, draws: Sequence[Draw], trained: Shared[TrainedGenerator] | None = None) -> Generated:
        """The image of each draw, by the run's checkpoint or by the generator that it trained."""
        sampler = self._sampler_of(trained)
        return Generated(sampler.checkpoint, tuple(sampler.draw(draws)))

    def vary_faces(
        self, orders: Sequence[VariationOrder], trained: Shared[TrainedGenerator] | None = None
    ) -> Generated:
        """The variation of each order's face; all are made in one way."""
        chips = ((self._chip_of(order), order.variation) for order in orders)
        if orders[0].made is Made.AUGMENTED:
            from faceledger_workloads.synthesis.image_variations import vary_image

            return Generated(None, tuple(vary_image(*chip) for chip in chips))
        sampler = self._sampler_of(trained)
        return Generated(sampler.checkpoint, tuple(sampler.generator.vary(*chip) for chip in chips))

    def train_generator(self, order: TrainingOrder, faces: Shared[Pixels]) -> TrainingResult:
        """One interval. Raises `RunFailed` (TrainingDiverged)."""
        from faceledger_workloads.interval_training import train_interval

        return train_interval(order, faces.get(), self._encoder, self._device, self._setup.threads)

    def _chip_of(self, order: VariationOrder) -> Pixels:
        """Found again in its photo: a driver that kept the chips of all photos would grow with them."""
        if self._varied is None or self._varied[0] != order.photo:
            self._varied = (order.photo, self.detect_faces([order.photo]).found)
        found = self._varied[1][order.place : order.place + 1]
        if not found or isinstance(found[0], Unfit):
            raise RunFailed(FailureReason.INFRASTRUCTURE_FAILED, "source.path: a photo changed during the run")
        return decode_png(found[0].chip_png)

    @property
    def _device(self) -> str:
        return usable_device(self._setup.device)

    @cached_property
    def _finder(self) -> FaceFinder:
        return FaceFinder(self._setup.search, self._setup.device)

    @cached_property
    def _portraits(self) -> PortraitFinder:
        from faceledger_workloads.synthesis.portraits import PortraitFinder

        return PortraitFinder(self._finder, self._setup.search)

    def _gated(self, found: tuple[Face, ...] | Unfit) -> Iterator[tuple[Found, tuple[str, ...]]]:
        """What of a photo counts, and the faults of each face that a gate only reports."""
        if isinstance(found, Unfit):
            yield found, ()
            return
        for face in found:
            gate = self._setup.gate
            wrong = faults(face.quality, gate) if gate else ()
            if gate and wrong and gate.mode == "Enforce":
                yield Unfit(face.digest, wrong[0]), ()
            else:
                yield face, wrong

    @cached_property
    def _encoder(self) -> FaceEncoder:
        import torch

        from faceledger_workloads.embedding.encoder import load_encoder

        assert self._setup.encoder is not None, "the run encodes nothing"
        torch.set_num_threads(self._setup.threads)
        return load_encoder(self._setup.encoder, self._device)

    def _sampler_of(self, trained: Shared[TrainedGenerator] | None) -> Sampler:
        """The run's own, or that of a trained generator: kept, because every shard asks for the same one."""
        if trained is None:
            return self._sampler
        from faceledger_workloads.sampler import trained_sampler

        generator = trained.get()
        if self._trained is None or self._trained[0] != generator.metadata:
            assert self._setup.synthesis is not None, "the run has no synthesis"
            self._trained = (generator.metadata, trained_sampler(self._setup.synthesis, generator))
        return self._trained[1]

    @cached_property
    def _sampler(self) -> Sampler:
        from faceledger_workloads.sampler import load_sampler

        assert self._setup.synthesis is not None, "the run has no synthesis"
        return load_sampler(self._setup.synthesis)
