"""The worker's side of a chain: each step is a task of its own, and what goes from one to the next stays where it is.

In: the steps of a shard, in their order, the shard with the first. Out: the answer of the last. Invariants: a worker is
between two steps of one shard at a time, since its tasks run in the order in which they were submitted; what a step
raised, every later step of its shard raises.

A task that waited for what the one before it answered would have to be told by the driver that it is there, with the
faces of a shard copied out and in again: a worker stood still for 6 ms at each step.
"""

from __future__ import annotations

from typing import Any

from faceledger_workloads.shards import Step

__all__ = ["StepTaker"]


class StepTaker:
    """Of any worker: calls its own methods by the steps' names."""

    _carried: Any = None

    def take_step(self, step: Step, last: bool, *shard: Any) -> Any:
        """The answer if it is the `last` step, else None. `shard`: with the first step alone."""
        (value,) = shard or (self._carried,)
        self._carried = None
        try:
            if isinstance(value, _Raised):
                raise value.error
            answer = getattr(self, step.method)(value, *step.extra)
        except Exception as error:
            self._carried = None if last else _Raised(error)
            raise
        if last:
            return answer
        self._carried = answer
        return None


class _Raised:
    """In place of an answer."""

    def __init__(self, error: Exception) -> None:
        self.error = error
