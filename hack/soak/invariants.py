"""What must hold after a soak, whatever was done to the cluster. Pure: what was seen in, violations out.

Invariant: each rule names the object that breaks it, and a soak in which nothing was seen breaks no rule but those that
ask for something.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TypeVar

from .seen import Child, MemorySample, Resource, Seen, Transition

__all__ = ["RULES", "Violation", "violations"]

_Item = TypeVar("_Item")
_Key = TypeVar("_Key")

FLAP_SECONDS = 15.0
"""A condition that comes back twice within so long to what it was flaps: no fault comes and goes that fast."""

WARM_UP_SECONDS = 30.0
"""Of an operator's life, until its caches are filled."""

MEMORY_SAMPLES = 6
"""Of a life, at least so many after its warm-up: fewer tell no growth."""

GROWTH_MIB, PEAK_MIB = 24.0, 200.0
"""What an operator may grow by between the first and the last third of its life, and what it may hold at most."""

STAYS = frozenset({"RayJob"})
"""Kinds that stay with a resource that has ended: its log is read there. Receipts stay, too."""

WAITS = frozenset({"GalleryNotReady", "LedgerNotReady"})
"""Reasons to wait for another resource, which may be stalled itself."""


@dataclass(frozen=True)
class Violation:
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


def violations(seen: Seen) -> list[Violation]:
    """Every breach of every rule."""
    return [Violation(name, what) for name, rule in RULES.items() for what in rule(seen)]


def _orphans(seen: Seen) -> Iterator[str]:
    """Objects of a resource that is gone, or that nothing would take away with it."""
    subjects = {resource.uid for resource in seen.resources}
    there = subjects | {child.uid for child in seen.children}
    for child in seen.children:
        if child.subject and child.subject not in subjects:
            yield f"{child} belongs to a resource that is gone"
        elif not child.owners:
            yield f"{child} has no owner"
        elif not there.intersection(child.owners):
            yield f"the owner of {child} is gone"


def _left_after_deletion(seen: Seen) -> Iterator[str]:
    return (f"{child} is left when every resource was deleted" for child in seen.remains)


def _left_after_the_end(seen: Seen) -> Iterator[str]:
    """What still holds processors, keys or rights for a resource that has ended."""
    ended = {r.uid: r for r in seen.resources if r.attempt and (r.ready or r.stalled)}
    for child in seen.children:
        if child.subject in ended and not _stays(child):
            yield f"{child} is left, and {ended[child.subject]} has ended"


def _stays(child: Child) -> bool:
    return child.kind in STAYS or (child.kind == "Secret" and child.name.endswith("-receipt"))


def _doubled_runs(seen: Seen) -> Iterator[str]:
    """Two RayJobs of one attempt, whenever; or two runs of one resource at the same time."""
    uids: dict[str, set[str]] = defaultdict(set)
    for run in seen.runs:
        uids[run.name].add(run.uid)
    for name, found in uids.items():
        if len(found) > 1:
            yield f"attempt {name} had {len(found)} RayJobs"
    for _, runs in _grouped(seen.runs, lambda run: run.subject):
        for before, after in pairwise(sorted(runs, key=lambda run: run.start)):
            if before.end is None or before.end > after.start:
                yield f"RayJob {after.name} began while {before.name} still ran"


def _doubled_commitments(seen: Seen) -> Iterator[str]:
    """Records that are on the chain twice, or claimed and not there."""
    for what, values in (("leaf", [r.leaf for r in seen.receipts]), ("batch", [b.id for b in seen.batches])):
        yield from (f"{what} {value} is there {times} times" for value, times in Counter(values).items() if times > 1)
    for attempt, times in Counter(receipt.attempt for receipt in seen.receipts).items():
        if times > 1:
            yield f"attempt {attempt} has {times} receipts"
    committed, counted = {(b.contract, b.id): b.count for b in seen.batches}, Counter[tuple[str, str]]()
    counted.update((receipt.contract, receipt.batch) for receipt in seen.receipts)
    for batch, times in counted.items():
        if times > committed.get(batch, 0):
            yield f"batch {batch[1]} has {times} receipts and {committed.get(batch, 0)} leaves on the chain"
    total, known = sum(committed.values()), len(seen.submitted | {receipt.attempt for receipt in seen.receipts})
    if total > known:
        yield f"{total} leaves are on the chain, of {known} results"


def _unsettled(seen: Seen) -> Iterator[str]:
    stalled = {resource.name for resource in seen.resources if resource.stalled}
    for resource in seen.resources:
        if not (resource.ready or resource.stalled or _waits_for_one_of(resource, stalled)):
            found = resource.condition("Ready")
            yield f"{resource} is neither Ready nor Stalled: {found.reason + ': ' + found.message if found else '-'}"


def _waits_for_one_of(resource: Resource, stalled: Iterable[str]) -> bool:
    found = resource.condition("Ready")
    return found is not None and found.reason in WAITS and any(f" {name}:" in found.message for name in stalled)


def _unverified(seen: Seen) -> Iterator[str]:
    return (f"the receipt of {resource} does not convince" for resource in seen.resources if resource.verified is False)


def _flapping(seen: Seen) -> Iterator[str]:
    for (resource, type_), group in _grouped(seen.transitions, lambda one: (one.resource, one.type)):
        changes = sorted(group, key=lambda one: one.at)
        if found := next((one for at, one in enumerate(changes) if _is_back_twice(changes, at)), None):
            yield f"{type_} of {resource} flaps: {found.status} {found.reason} three times in {FLAP_SECONDS:.0f} s"


def _is_back_twice(changes: Sequence[Transition], at: int) -> bool:
    now = changes[at]
    recent = [one for one in changes[: at + 1] if now.at - one.at <= FLAP_SECONDS]
    return sum((one.status, one.reason) == (now.status, now.reason) for one in recent) > 2


def _growing(seen: Seen) -> Iterator[str]:
    for process, group in _grouped(seen.memory, lambda sample: sample.process):
        samples = sorted(group, key=lambda sample: sample.at)
        peak = max(sample.mib for sample in samples)
        if peak > PEAK_MIB:
            yield f"operator {process} held {peak:.0f} MiB"
        if (growth := _growth(samples)) > GROWTH_MIB:
            yield f"operator {process} grew by {growth:.0f} MiB"


def _growth(samples: Sequence[MemorySample]) -> float:
    """MiB between the first and the last third of what follows the warm-up; 0 where that is too short."""
    warm = [sample.mib for sample in samples if sample.at - samples[0].at >= WARM_UP_SECONDS]
    third = len(warm) // 3
    return median(warm[-third:]) - median(warm[:third]) if len(warm) >= MEMORY_SAMPLES else 0.0


def _leaking(seen: Seen) -> Iterator[str]:
    """The needle itself is not repeated: what finds a leak must not make another one."""
    for text in seen.texts:
        if any(needle in text.text for needle in seen.needles):
            yield f"{text.where} holds a secret or a piece of a photo"


def _unseen(seen: Seen) -> Iterator[str]:
    """A soak that saw nothing has proved nothing."""
    kinds = {
        "resources": seen.resources,
        "runs": seen.runs,
        "commits": seen.batches,
        "logs": seen.texts,
        "receipts": seen.receipts,
        "transitions": seen.transitions,
        "memory": seen.memory,
    }
    return (f"no {what} were seen" for what, found in kinds.items() if not found)


def _grouped(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> list[tuple[_Key, list[_Item]]]:
    groups: dict[_Key, list[_Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return list(groups.items())


RULES: dict[str, Callable[[Seen], Iterator[str]]] = {
    "orphaned": _orphans,
    "left after deletion": _left_after_deletion,
    "left after the end": _left_after_the_end,
    "doubled run": _doubled_runs,
    "doubled commitment": _doubled_commitments,
    "neither Ready nor Stalled": _unsettled,
    "not verified": _unverified,
    "flapping": _flapping,
    "memory": _growing,
    "leak": _leaking,
    "nothing seen": _unseen,
}
"""Every rule by the name that its violations carry."""
