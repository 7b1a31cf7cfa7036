"""How a run says that it cannot go on.

In: a reason of the contract and words that name the field, file or folder at fault. Out: an exception that the entry
point turns into the final report. Invariant: it survives the way from a Ray worker to the driver unchanged.
"""

from __future__ import annotations

from pydantic import ValidationError

from faceledger_workloads.runreport import Failure, FailureReason

__all__ = ["RunFailed", "wrong_fields"]


class RunFailed(Exception):  # noqa: N818 - it is the run's end, not a mistake of the code
    """The run ends without a result. `retryable`: the same run may succeed later, nobody has to change anything."""

    def __init__(self, reason: FailureReason, message: str, retryable: bool = False) -> None:
        super().__init__(reason, message, retryable)
        self.failure = Failure(reason=reason, message=message, retryable=retryable)


def wrong_fields(error: ValidationError) -> str:
    """Each field and what is wrong with it, without its value."""
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
