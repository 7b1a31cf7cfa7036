"""Which group a probe belongs to, as a CSV file beside the probes says.

In: a file with the columns `path` (of a photo, or of a person's folder) and `group`. Out: labels by path. Invariant: a
photo's own line counts before its folder's, and what has no line belongs to no group.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from faceledger_workloads.failures import RunFailed
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import Images

__all__ = ["MOST_GROUPS", "read_groups"]

MOST_GROUPS = 50
"""More groups than this are rather a column of names."""


def read_groups(images: Images) -> Mapping[str, str]:
    """Empty where the run names no file. Raises `RunFailed` (RunSpecInvalid) naming file and line."""
    if images.labels is None:
        return {}
    groups: dict[str, str] = {}
    try:
        with Path(images.path, images.labels).open(newline="", encoding="utf-8-sig") as file:
            lines = csv.DictReader(file)
            if not {"path", "group"} <= set(lines.fieldnames or ()):
                raise _wrong(images, "needs a first line with the columns path and group")
            for line in lines:
                if not line["path"] or not line["group"]:
                    raise _wrong(images, f"line {lines.line_num} has no path or no group")
                groups[line["path"].strip("/")] = line["group"]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _wrong(images, f"cannot be read: {type(error).__name__}") from error
    if len(set(groups.values())) > MOST_GROUPS:
        raise _wrong(images, f"has {len(set(groups.values()))} groups; at most {MOST_GROUPS} are told apart")
    return groups


def _wrong(images: Images, problem: str) -> RunFailed:
    return RunFailed(FailureReason.RUN_SPEC_INVALID, f"probes.labels {images.labels} {problem}")
