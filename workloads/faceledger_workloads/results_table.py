"""The results as a Parquet table, for those who read columns instead of lines.

In: the lines of results.jsonl in order. Out: the file's bytes. Invariants: the same lines give the same bytes; a column
is there whether or not a line fills it, so tables of different runs can be read together; one group of rows is unpacked
at a time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from faceledger_workloads.shards import cut

__all__ = ["ROW_GROUP", "SCHEMA", "parquet_table"]

ROW_GROUP = 16_384
"""Lines that are unpacked at a time, into some 60 MB."""

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


def parquet_table(lines: Sequence[bytes]) -> bytes:
    """One row a line."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
        for group in cut(lines, ROW_GROUP):
            rows = [_row(json.loads(line)) for line in group]
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
    return bytes(sink.getvalue())


def _row(line: dict[str, Any]) -> dict[str, Any]:
    edges = zip(("left", "top", "right", "bottom"), line.pop("box", (None,) * 4), strict=True)
    points = line.pop("landmarks", None)
    return {**line, **dict(edges), "landmarks": points and [{"x": x, "y": y} for x, y in points]}
