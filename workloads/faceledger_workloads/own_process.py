"""Work without Ray: one worker, in the process that asks.

For a laptop, and as the measure that Ray's workers are held to. Invariant: the same steps of the same worker class as
on a cluster, one shard after the other, so the results are those of any number of actors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from faceledger_workloads.shards import Chain

__all__ = ["Held", "OwnProcess"]

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Held(Generic[Value]):
    """A shared value of one process is the value itself."""

    value: Value

    def get(self) -> Value:
        return self.value


class OwnProcess:
    """A pool of one `worker`, which is asked directly."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._worker.ready()

    def run(self, chain: Chain, shards: Iterable[Any]) -> Iterator[Any]:
        """Nothing is done ahead of what is taken."""
        for shard in shards:
            value = shard
            for step in chain:
                value = getattr(self._worker, step.method)(value, *step.extra)
            yield value

    def share(self, value: Value) -> Held[Value]:
        """The value where it is."""
        return Held(value)

    def close(self) -> None:
        """The worker's models go with it."""
