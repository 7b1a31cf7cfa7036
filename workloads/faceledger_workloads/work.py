"""What travels between the driver and its workers: plain data, no models.

In and out: see each class. Invariant: picklable, and free of anything that only one process has.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.face import Face, Unfit
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.source import Photo
from faceledger_workloads.manifest import Made
from faceledger_workloads.matching.scores import Searched
from faceledger_workloads.runspec import Encoder, EnrolmentGate, FaceSearch, Images, Synthesis
from faceledger_workloads.training_course import Point

__all__ = [
    "Draw",
    "Encoded",
    "Found",
    "Generated",
    "Matched",
    "Seen",
    "TrainedGenerator",
    "TrainingOrder",
    "TrainingResult",
    "VariationOrder",
    "WorkerSetup",
]

Draw = tuple[int, int]
"""(index of a synthetic face, variation); variation 0 is the face itself."""


@dataclass(frozen=True)
class WorkerSetup:
    """What every worker of a run has in common."""

    source: Images
    chip_size: int
    encoder: Encoder | None
    """None where nothing is encoded: torch is loaded then for the CNN detector alone."""
    threads: int
    """For torch. Part of the result: another number may round sums differently in the last bit."""
    device: str
    """`cpu` or `cuda`."""
    search: FaceSearch = field(default_factory=FaceSearch)
    gate: EnrolmentGate | None = None
    """What a face must pass to be enrolled; None for faces that are recognised, or were generated."""
    synthesis: Synthesis | None = None


@dataclass(frozen=True)
class VariationOrder:
    """Vary the real face whose chip has this `number`: the `place`th face of `photo`; `variation` counts from 1."""

    number: int
    variation: int
    photo: Photo
    place: int
    made: Made


Found = Face | Unfit
"""What was found in one image."""


@dataclass(frozen=True)
class Seen:
    """A shard's images, each looked at. An image with several faces that count has as many entries, one after the
    other. `photos` are what the entries were read from, `faults` what a gate that only reports says of each;
    `checkpoint` made generated ones."""

    found: tuple[Found, ...]
    photos: tuple[Photo, ...] = ()
    faults: tuple[tuple[str, ...], ...] = ()
    checkpoint: str | None = None

    @property
    def faces(self) -> tuple[Face, ...]:
        """All faces, in the order of the images."""
        return tuple(one for one in self.found if isinstance(one, Face))


@dataclass(frozen=True)
class Encoded:
    """A shard that was looked at, and one embedding for each of its faces, in order."""

    seen: Seen
    embeddings: Embeddings


@dataclass(frozen=True)
class Matched:
    """An encoded shard and the likest people of its faces."""

    encoded: Encoded
    searched: Searched


@dataclass(frozen=True)
class TrainedGenerator:
    """A checkpoint in memory: the bytes of a safetensors file, and their metadata as JSON."""

    content: bytes
    metadata: str


@dataclass(frozen=True)
class TrainingOrder:
    """One interval of training. `state` is empty where the run begins; `until_kimg` is where the interval ends."""

    generator: str
    config: str
    state: bytes
    until_kimg: float


@dataclass(frozen=True)
class TrainingResult:
    """What an interval gave: the state to go on from, the generator so far, and how good it is."""

    state: bytes
    generator: TrainedGenerator
    point: Point


@dataclass(frozen=True)
class Generated:
    """Synthetic images, one for each draw; `checkpoint` is None for what no generator made."""

    checkpoint: str | None
    images: tuple[Pixels, ...]
