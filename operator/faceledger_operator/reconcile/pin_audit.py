"""Which results' artefacts are looked for on the content nodes, and what is done about those that no node has. Pure.

In: the resources of a namespace, what the last audit saw, the nodes as they answer now, the time. Out: the results
whose turn it is, and a step for what is lost. Invariant: an audit looks at a bounded number of results and reads one of
them whole; a round over all of them begins every ten minutes, and at once when a node is back or was wiped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..kube.api import Object
from ..kube.kinds import FACE_DATASET, RECOGNITION_JOB, Kind

__all__ = [
    "Audited",
    "Portion",
    "RepinStep",
    "Result",
    "Source",
    "decide_repin",
    "is_due",
    "next_portion",
    "results_of",
]

ROUND_SECONDS = 600.0
"""From the beginning of a round over all results to that of the next one."""

LOST_SECONDS = 3.0
"""Between two looks at what is lost and is being added again."""

PORTION_SECONDS = 10.0
"""Between two portions of a round."""

PORTION = 100
"""Results of a round that one audit looks at, and as many again of those that are lost: a question about a pin takes
Kubo a few milliseconds."""

Identities = tuple[str | None, ...]
"""The peer id of each content node, None where it does not answer."""


@dataclass(frozen=True)
class Source:
    """Where the ciphertexts of a result lie: a claim and a folder in it."""

    claim: str
    folder: str


@dataclass(frozen=True)
class Result:
    """Artefacts that have to be on the content nodes: CIDs by their path below the source's folder.

    `source` is None where the FaceDataset that named it is gone.
    """

    kind: Kind
    resource: Object
    files: tuple[tuple[str, str], ...]
    source: Source | None

    @property
    def attempt(self) -> str:
        """The attempt that made it: an artefact's folder has its name."""
        return self.files[0][0].partition("/")[0]

    @property
    def cids(self) -> tuple[str, ...]:
        return tuple(cid for _, cid in self.files)

    def __str__(self) -> str:
        return f"{self.kind.kind.lower()}/{self.resource['metadata']['name']}"


@dataclass(frozen=True)
class Audited:
    """What an audit leaves for the next one. `after`: the last result of a round that is not over; `lost`: results of
    which no node has all; `read`: the one that was read whole last."""

    at: float
    began: float
    nodes: Identities
    after: str | None = None
    lost: tuple[str, ...] = ()
    read: str = ""


@dataclass(frozen=True)
class Portion:
    """What one audit looks at; `read`: the result of which every block is read on every node."""

    results: tuple[Result, ...]
    began: float
    after: str | None
    read: str


class RepinStep(StrEnum):
    """What is done about a result that no node has: about its Job."""

    CREATE = "Create"
    REMOVE = "Remove"
    WAIT = "Wait"
    FAILED = "Failed"
    NO_SOURCE = "NoSource"


def results_of(binding: str, datasets: Iterable[Object], jobs: Iterable[Object]) -> list[Result]:
    """The results that a LedgerBinding of their namespace has taken, in the order of their attempts."""
    galleries = {body["metadata"]["name"]: body for body in datasets}
    found = [_result(FACE_DATASET, body, body) for body in galleries.values() if _is_held(body, binding)]
    for body in jobs:
        if _is_held(body, binding):
            # A job writes beside its gallery's manifest.
            found.append(_result(RECOGNITION_JOB, body, galleries.get(body["spec"]["galleryRef"]["name"])))
    return sorted(found, key=lambda result: result.attempt)


def is_due(last: Audited | None, nodes: Identities, now: float) -> bool:
    """Whether an audit begins now."""
    if last is None or _is_back(last, nodes):
        return True
    if last.lost and now - last.at >= LOST_SECONDS:
        return True
    if last.after is not None and now - last.at >= PORTION_SECONDS:
        return True
    return now - last.began >= ROUND_SECONDS


def next_portion(results: Sequence[Result], last: Audited | None, nodes: Identities, now: float) -> Portion:
    """What this audit looks at: what is lost, and as much of the round as has its turn."""
    anew = last is None or _is_back(last, nodes) or (last.after is None and now - last.began >= ROUND_SECONDS)
    after = "" if last is None or anew else last.after
    rest = [result for result in results if after is not None and result.attempt > after]
    turn, lost = rest[:PORTION], last.lost if last else ()
    again = [result for result in results if result.attempt in lost and result not in turn]
    return Portion(
        results=(*again[:PORTION], *turn),  # the round comes to the others
        began=now if last is None or anew else last.began,
        after=turn[-1].attempt if len(rest) > PORTION else None,
        read=_next_read(results, last.read if last else "") if anew else "",
    )


def decide_repin(result: Result, job: Object | None) -> RepinStep:
    """`job`: the one that adds this result again, where there is one."""
    if result.source is None:
        return RepinStep.NO_SOURCE
    if job is None:
        return RepinStep.CREATE
    if "deletionTimestamp" in job["metadata"]:
        return RepinStep.WAIT
    conditions = (job.get("status") or {}).get("conditions") or ()
    ended = {condition["type"] for condition in conditions if condition["status"] == "True"}
    if "Failed" in ended:
        return RepinStep.FAILED
    # It had added all of it, and it is lost again.
    return RepinStep.REMOVE if "Complete" in ended else RepinStep.WAIT


def _is_back(last: Audited, nodes: Identities) -> bool:
    """Whether a node answers that did not, or has another repository than it had."""
    if len(nodes) != len(last.nodes):
        return True
    return any(now is not None and now != before for before, now in zip(last.nodes, nodes, strict=True))


def _next_read(results: Sequence[Result], before: str) -> str:
    """The one after the last one, over and over."""
    attempts = [result.attempt for result in results]
    return next((attempt for attempt in attempts if attempt > before), attempts[0] if attempts else "")


def _is_held(body: Object, binding: str) -> bool:
    status = body.get("status") or {}
    gone = "deletionTimestamp" in body["metadata"]
    mine = body["spec"]["ledgerRef"]["name"] == binding
    return bool(mine and not gone and status.get("artefacts") and status.get("commitment"))


def _result(kind: Kind, body: Object, gallery: Object | None) -> Result:
    artefacts: list[dict[str, Any]] = body["status"]["artefacts"]
    files = tuple((one["path"], one["uri"].removeprefix("ipfs://")) for one in artefacts)
    output = gallery["spec"]["output"]["persistentVolumeClaim"] if gallery else None
    return Result(kind, body, files, Source(output["claimName"], output.get("path") or "") if output else None)
