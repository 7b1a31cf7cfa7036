"""The stored form of a journal: a head, and segments of entries that are written once and never grow again.

    head:    everything but the entries; a batch names its entries by number, and so does what is final already
    segment: entries in the order of their numbers, as JSON under gzip

In: a journal. Out: bytes; and back. Invariant: an entry leaves the journal by one write of the head alone, whatever
becomes of the segment that it lies in; so that no crash between two writes brings it back.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter

from .fees import Spent
from .journal import Authorisation, Batch, Deployment, Entry, Journal, Place, Stored
from .ranges import Ranges, numbers_in, ranges_of

__all__ = [
    "Head",
    "compress",
    "decode_head",
    "decode_segment",
    "encode_head",
    "encode_segment",
    "head_of",
    "journal_of",
]


class Head(Stored):
    """`segments`: those that hold, or are about to hold, entries. `finished`: numbers that count no longer in them."""

    deployment: Deployment | None = None
    authorisations: tuple[Authorisation, ...] = ()
    batches: tuple[Batch, ...] = ()
    spending: tuple[Spent, ...] = ()
    finalized: int = 0
    committed_batches: int = 0
    anchor: Place | None = None
    segments: tuple[int, ...] = ()
    finished: Ranges = ()


def head_of(journal: Journal, segments: Sequence[int], finished: Iterable[int]) -> Head:
    """The head of a journal whose entries lie in `segments`."""
    return Head(
        deployment=journal.deployment,
        authorisations=journal.authorisations,
        batches=tuple(batch for batch in journal.batches if batch.launched),
        spending=journal.spending,
        finalized=journal.finalized,
        committed_batches=journal.committed_batches,
        anchor=journal.anchor,
        segments=tuple(segments),
        finished=ranges_of(finished),
    )


def journal_of(head: Head, entries: Iterable[Entry]) -> Journal:
    """The journal that head and segments make. ValueError where a batch names an entry that no segment holds."""
    finished = set(numbers_in(head.finished))
    held = {entry.number: entry for entry in entries}
    alive = {held[number].attempt: held[number] for number in sorted(held) if number not in finished}
    batches, batch_ids = [], dict[str, str]()
    for stored in head.batches:
        lost = [number for number in numbers_in(stored.numbers) if number not in held]
        if lost:
            raise ValueError(f"batch {stored.id} names record {lost[0]}, which is in no segment")
        attempts = tuple(held[number].attempt for number in numbers_in(stored.numbers))
        batches.append(stored.model_copy(update={"attempts": attempts}))
        batch_ids.update(dict.fromkeys(attempts, stored.id))
    return Journal(
        deployment=head.deployment,
        authorisations=head.authorisations,
        batches=tuple(batches),
        entries=alive,
        batch_ids=batch_ids,
        spending=head.spending,
        finalized=head.finalized,
        committed_batches=head.committed_batches,
        anchor=head.anchor,
        next_number=1 + max((*held, *finished), default=-1),
    )


def encode_head(head: Head) -> bytes:
    told_by_numbers = {"batches": {"__all__": {"attempts"}}}
    return compress(head.model_dump_json(by_alias=True, exclude_defaults=True, exclude=told_by_numbers).encode())


def decode_head(data: bytes) -> Head:
    """OSError, EOFError or ValueError for what is none."""
    return Head.model_validate_json(gzip.decompress(data))


def encode_segment(entries: Sequence[Entry]) -> bytes:
    """The entries as they are stored; their size is not limited here."""
    return compress(_SEGMENT.dump_json(tuple(entries), by_alias=True, exclude_defaults=True))


def decode_segment(data: bytes) -> tuple[Entry, ...]:
    """OSError, EOFError or ValueError for what is none."""
    return _SEGMENT.validate_json(gzip.decompress(data))


def compress(data: bytes) -> bytes:
    """The lowest level: what there is to gain are the names of fields, and hex digits at two for a byte."""
    return gzip.compress(data, 1, mtime=0)


_SEGMENT = TypeAdapter(tuple[Entry, ...])
