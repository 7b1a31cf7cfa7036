"""The results as a Parquet table, for those who read columns instead of lines.

In: result lines in order. Out: the file's bytes. Invariant: the same lines give the same bytes; a column is there
whether or not a line fills it, so tables of different runs can be read together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from faceledger_workloads.results import ResultLine

__all__ = ["SCHEMA", "parquet_table"]

_POINT = pa.struct([("x", pa.int32()), ("y", pa.int32())])

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("digest", pa.string()),
        ("outcome", pa.string()),
        ("identity", pa.string()),
        ("reason", pa.string()),
        ("enrolledPhoto", pa.bool_()),
        ("clarity", pa.float64()),
        ("detectionScore", pa.float64()),
        ("left", pa.int32()),
        ("top", pa.int32()),
        ("right", pa.int32()),
        ("bottom", pa.int32()),
        ("landmarks", pa.list_(_POINT)),
        ("candidates", pa.list_(pa.struct([("identity", pa.string()), ("score", pa.float64())]))),
        ("row", pa.int64()),
    ]
)
"""Columns as in results.jsonl, `box` as four; null where a line has no such field. Pixels are the upright photo's."""


def parquet_table(lines: Sequence[ResultLine]) -> bytes:
    """One row a line."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([_row(line) for line in lines], SCHEMA), sink, compression="zstd")
    return bytes(sink.getvalue())


def _row(line: ResultLine) -> dict[str, Any]:
    values = line.model_dump(mode="json", by_alias=True)
    box = values.pop("box") or (None,) * 4
    points = values.pop("landmarks")
    return {
        **values,
        **dict(zip(("left", "top", "right", "bottom"), box, strict=True)),
        "landmarks": None if points is None else [{"x": x, "y": y} for x, y in points],
    }
