"""How work is cut and handed to a worker.

In: files, chips or draws. Out: shards of one fixed size, and chains of named Ray tasks that keep a shard's data on
the worker that made them. Invariant: the cut depends on the input alone, never on how many workers there are, because
faces that are encoded in one batch influence each other's last bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from faceledger_workloads.images.source import Photo
from faceledger_workloads.work import Draw

__all__ = [
    "SHARD",
    "cut",
    "submit_chips",
    "submit_detection",
    "submit_generation",
    "submit_photos",
]

SHARD = 32
"""Images in a shard: large enough for the network's batch, small enough to lose little with a worker."""

Item = TypeVar("Item")


def cut(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Shards of `SHARD` items, the last one shorter."""
    for start in range(0, len(items), SHARD):
        yield items[start : start + SHARD]


def submit_detection(worker: Any, photos: Sequence[Photo]) -> Any:
    """Reference of tuple[Face | Unfit, ...]."""
    return worker.detect_faces.options(name="detect_faces").remote(photos)


def submit_photos(worker: Any, photos: Sequence[Photo]) -> Any:
    """Reference of `Encoded`: files looked at, then encoded."""
    return worker.encode_found.options(name="extract_encodings").remote(submit_detection(worker, photos))


def submit_chips(worker: Any, chips: Sequence[bytes]) -> Any:
    """Reference of (n, 128) embeddings."""
    return worker.encode_chips.options(name="extract_encodings").remote(chips)


def submit_generation(worker: Any, draws: Sequence[Draw]) -> Any:
    """Reference of `Encoded`: faces made, looked at, then encoded."""
    generated = worker.generate_faces.options(name="generate_faces").remote(draws)
    return worker.encode_generated.options(name="extract_encodings").remote(
        generated, worker.detect_generated.options(name="detect_faces").remote(generated)
    )
