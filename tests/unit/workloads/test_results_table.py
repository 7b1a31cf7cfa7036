"""results.parquet says what results.jsonl says."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest
from faceledger_workloads import results_table
from faceledger_workloads.results import CandidateLine, ProbeOutcome, ResultLine, result_line
from faceledger_workloads.results_table import SCHEMA, parquet_table

FIRST, SECOND = (
    ResultLine(
        path="ada/1.png",
        outcome=ProbeOutcome.IDENTIFIED,
        digest="sha256:" + "a" * 64,
        identity="ada",
        enrolled_photo=True,
        clarity=41.5,
        detection_score=1.25,
        box=(1, 2, 30, 40),
        landmarks=((3, 4), (5, 6)),
        candidates=(CandidateLine(identity="ada", score=0.953),),
    ),
    ResultLine(path="wall.png", outcome=ProbeOutcome.REJECTED, reason="NoFaceFound"),
)
LINES = [result_line(FIRST), result_line(SECOND)]


def test_a_row_holds_what_its_line_does() -> None:
    table = pq.read_table(io.BytesIO(parquet_table(LINES)))
    assert table.schema.equals(SCHEMA)
    first, second = table.to_pylist()
    assert (first["path"], first["outcome"], first["identity"], first["detectionScore"], first["enrolledPhoto"]) == (
        "ada/1.png",
        "Identified",
        "ada",
        1.25,
        True,
    )
    assert [first[edge] for edge in ("left", "top", "right", "bottom")] == [1, 2, 30, 40]
    assert first["landmarks"] == [{"x": 3, "y": 4}, {"x": 5, "y": 6}]
    assert first["candidates"] == [{"identity": "ada", "score": 0.953}]
    assert {name for name, value in second.items() if value is not None} == {"path", "outcome", "reason"}


def test_equal_lines_give_equal_bytes() -> None:
    assert parquet_table(LINES) == parquet_table(list(LINES))
    assert parquet_table(LINES) != parquet_table(LINES[:1])


def test_lines_are_unpacked_group_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    many = LINES * 5
    whole = pq.read_table(io.BytesIO(parquet_table(many)))
    monkeypatch.setattr(results_table, "ROW_GROUP", 3)
    file = pq.ParquetFile(io.BytesIO(parquet_table(many)))
    assert file.num_row_groups == 4
    assert file.read().equals(whole)
