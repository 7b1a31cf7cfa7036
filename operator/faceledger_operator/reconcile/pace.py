"""How far a run is, how fast it goes, and when its stage will be done.

In: the progress that the status tells, and the one that the run reports. Out: the one to write. Pure. Invariant: a
status is written once in some per cent, however often a run reports; an estimate speaks of the current stage alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from faceledger_workloads.runreport import Progress

from ..api.base import ProgressStatus

__all__ = ["in_words", "progress_of"]

PROGRESS_STEP = 5
"""Per cent between two progress writes: every write of a status goes to etcd."""


def progress_of(before: ProgressStatus | None, reported: Progress, now: datetime) -> ProgressStatus:
    """The new progress, or the one before where it moved too little to be written."""
    percent = _percent(reported.done, reported.total)
    found = ProgressStatus(
        stage=reported.stage, done=reported.done, total=reported.total, percent=f"{percent}%", since=now
    )
    if before is None or (before.stage, before.total) != (reported.stage, reported.total):
        return found.model_copy(update={"done_then": reported.done})
    if percent // PROGRESS_STEP == _percent(before.done, before.total) // PROGRESS_STEP:
        return before
    same_stage = {"since": before.since, "done_then": before.done_then}
    return _with_estimate(found.model_copy(update=same_stage), now)


def in_words(progress: ProgressStatus) -> str:
    if not progress.total:
        return progress.stage
    left = f", about {progress.remaining} left" if progress.remaining else ""
    return f"{progress.stage}: {progress.done} of {progress.total}{left}"


def _with_estimate(progress: ProgressStatus, now: datetime) -> ProgressStatus:
    """With the end of the stage, as far as its pace since it was first seen tells it."""
    passed = now - progress.since if progress.since else timedelta(0)
    done, left = progress.done - progress.done_then, progress.total - progress.done
    if done <= 0 or left <= 0 or not passed:
        return progress
    remaining = timedelta(seconds=round((passed * left / done).total_seconds()))
    return progress.model_copy(update={"eta": now + remaining, "remaining": _as_text(remaining)})


def _as_text(span: timedelta) -> str:
    """As kubectl writes ages: the two largest units at most."""
    seconds = int(span.total_seconds())
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    if minutes:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    return f"{seconds}s"


def _percent(done: int, total: int) -> int:
    return 100 * done // total if total else 0
