"""How work is cut, and what a worker is asked to do with it: as data, so that an actor of a Ray cluster and an object
of this process can both be asked.

In: files, chips or draws. Out: shards of one fixed size, and chains of named steps that keep a shard's data on the
worker that made it. Invariant: the cut depends on the input alone, never on how many workers there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

from faceledger_workloads.runspec import Images

__all__ = [
    "DETECTION",
    "ENCODING",
    "PHOTOS",
    "SHARD",
    "Chain",
    "Pool",
    "Shared",
    "Step",
    "cut",
    "detection",
    "generation",
    "matching",
    "training",
    "variation",
]

SHARD = 32
"""Images in a shard: large enough for the network's batch, small enough to lose little with a worker."""

Item = TypeVar("Item")
Value = TypeVar("Value", covariant=True)


class Shared(Protocol[Value]):
    """A large value that all workers read and none is sent twice."""

    def get(self) -> Value:
        """The value, which nobody may change."""
        ...


@dataclass(frozen=True)
class Step:
    """One task: `name` is what Ray's dashboard shows, `method` the worker's. It is called with the shard, or with
    what the step before it answered, and then with `extra`."""

    name: str
    method: str
    extra: tuple[Any, ...] = ()


Chain = tuple[Step, ...]

_EXTRACT = Step("extract_encodings", "encode_found")

DETECTION: Chain = (Step("detect_faces", "detect_faces"),)
"""Photos -> `Seen`."""

PHOTOS: Chain = (*DETECTION, _EXTRACT)
"""Photos -> `Encoded`: files looked at, then encoded."""

ENCODING: Chain = (Step("extract_encodings", "encode_chips"),)
"""PNG chips -> (n, 128) embeddings."""


def detection(folder: Images) -> Chain:
    """Photos of another `folder` than the run's source -> `Seen`."""
    return (Step("detect_faces", "detect_faces", (folder,)),)


def matching(scorer: Shared[Any], depth: int) -> Chain:
    """Photos -> `Matched`: looked at, encoded, and searched for among the enrolled."""
    return (*PHOTOS, Step("match_probes", "match_probes", (scorer, depth)))


def generation(trained: Shared[Any] | None = None) -> Chain:
    """Draws -> `Encoded`: faces made by the run's checkpoint or by a `trained` generator, looked at, then encoded."""
    make = Step("generate_faces", "generate_faces", (trained,))
    return (make, Step("screen_faces", "screen_generated"))


def variation(trained: Shared[Any] | None = None) -> Chain:
    """Variation orders -> `Encoded`: chips translated, looked at, then encoded."""
    return (Step("generate_faces", "vary_faces", (trained,)), *generation(trained)[1:])


def training(faces: Shared[Any]) -> Chain:
    """Training orders -> `TrainingResult`: one interval each, on `faces` (n, r, r, 3)."""
    return (Step("train_generator", "train_generator", (faces,)),)


class Pool(Protocol):
    """Whoever does the work: actors of a Ray cluster, or this process."""

    def run(self, chain: Chain, shards: Iterable[Any]) -> Iterator[Any]:
        """Results in the shards' order, taken a bounded number of shards ahead. Raises what a step raised."""
        ...

    def share(self, value: Item) -> Shared[Item]:
        """Puts `value` where every worker can read it; it goes into a step's `extra`."""
        ...

    def close(self) -> None:
        """Nothing more will be asked."""
        ...


def cut(items: Iterable[Item], size: int = SHARD) -> Iterator[tuple[Item, ...]]:
    """Shards of `size` items, the last one shorter; no item is taken before its shard is asked for."""
    source = iter(items)
    while shard := tuple(islice(source, size)):
        yield shard
