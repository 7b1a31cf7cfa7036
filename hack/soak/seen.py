"""What a soak has seen of a cluster, as plain values that invariants are judged on.

In: what watching, listening and looking found. Out: frozen values without a client. Invariant: times are seconds on
one monotonic clock; nothing here knows how it was found out.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Batch", "Child", "Condition", "Kept", "MemorySample", "Resource", "Run", "Seen", "Text", "Transition"]


@dataclass(frozen=True)
class Condition:
    type: str
    status: str
    reason: str
    message: str = ""


@dataclass(frozen=True)
class Resource:
    """A FaceDataset, RecognitionJob or LedgerBinding as it is at the end; `verified`: its receipt convinced, None where
    it has none."""

    kind: str
    name: str
    uid: str
    conditions: tuple[Condition, ...] = ()
    attempt: str = ""
    current: bool = True
    verified: bool | None = None

    def condition(self, type_: str) -> Condition | None:
        return next((condition for condition in self.conditions if condition.type == type_), None)

    @property
    def ready(self) -> bool:
        found = self.condition("Ready")
        return found is not None and found.status == "True" and self.current

    @property
    def stalled(self) -> bool:
        found = self.condition("Stalled")
        return found is not None and found.status == "True" and bool(found.reason and found.message)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Child:
    """An object that was made for a resource: `subject` is that one's uid by label, `owners` are uids."""

    kind: str
    name: str
    uid: str
    subject: str = ""
    owners: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Run:
    """A RayJob from when it was there until it was over, was told to go or was gone; `end` None: not yet."""

    name: str
    uid: str
    subject: str
    start: float
    end: float | None = None


@dataclass(frozen=True)
class Transition:
    """A condition of a resource that became another one."""

    at: float
    resource: str
    type: str
    status: str
    reason: str


@dataclass(frozen=True)
class MemorySample:
    """Resident MiB of an operator's process; `process` tells one life from the next."""

    process: str
    at: float
    mib: float


@dataclass(frozen=True)
class Text:
    """What was written where anybody may read it: a log, an event, a status."""

    where: str
    text: str


@dataclass(frozen=True)
class Batch:
    """A commit as the chain has it."""

    contract: str
    id: str
    count: int


@dataclass(frozen=True)
class Kept:
    """A receipt as the operator keeps it."""

    contract: str
    batch: str
    leaf: str
    attempt: str


@dataclass(frozen=True)
class Seen:
    """All of it. `children`: while resources were there; `remains`: after all of them were deleted. `submitted`:
    attempts whose result any status showed on its way to the chain. `needles`: secrets and pieces of photos."""

    resources: tuple[Resource, ...] = ()
    children: tuple[Child, ...] = ()
    remains: tuple[Child, ...] = ()
    runs: tuple[Run, ...] = ()
    transitions: tuple[Transition, ...] = ()
    memory: tuple[MemorySample, ...] = ()
    texts: tuple[Text, ...] = ()
    needles: tuple[str, ...] = ()
    batches: tuple[Batch, ...] = ()
    receipts: tuple[Kept, ...] = ()
    submitted: frozenset[str] = frozenset()
