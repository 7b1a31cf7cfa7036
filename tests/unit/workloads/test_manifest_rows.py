"""Manifest, result lines, salts and sheets: equal input, equal bytes."""

from __future__ import annotations

import numpy as np
import pytest
from faceledger_workloads.images.decode import decode_image
from faceledger_workloads.images.scale import encode_png
from faceledger_workloads.manifest import RealRow, RejectedRow, ScreenedRow, SyntheticRow, manifest_lines, read_manifest
from faceledger_workloads.results import ProbeOutcome, ResultLine, result_line
from faceledger_workloads.salts import line_salts
from faceledger_workloads.sheets.contact_sheet import MAX_TILES, Tile, draw_sheet

SEEN = {
    "digest": "sha256:" + "1" * 64,
    "box": (1, 2, 30, 40),
    "detection_score": 1.5,
    "clarity": 20.25,
    "landmarks": ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10)),
    "chip": "real/00000000.png",
    "chip_digest": "sha256:" + "2" * 64,
}
ROWS = [
    RealRow(path="ada/1.jpg", identity="ada", **SEEN),
    RejectedRow(path="ada/2.jpg", identity="ada", digest=None, reason="TooManyBytes"),
    SyntheticRow(
        identity="synthetic-000001",
        checkpoint="sha256:" + "3" * 64,
        seed=1,
        truncation="0.7",
        index=1,
        variation=0,
        **SEEN,
    ),
    ScreenedRow(index=2, variation=0, reason="Undetected"),
]
KEY = bytes(range(32))
CHIP = encode_png(np.full((100, 100, 3), 200, dtype=np.uint8))


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert read_manifest(b"\n".join(manifest_lines(ROWS))) == ROWS


def test_a_manifest_line_is_canonical_json() -> None:
    assert manifest_lines(ROWS[1:2]) == [
        b'{"digest":null,"identity":"ada","kind":"Rejected","path":"ada/2.jpg","reason":"TooManyBytes"}'
    ]


@pytest.mark.parametrize("line", [b"{}", b"not json", b'{"kind":"Other"}'])
def test_a_line_that_is_no_row_is_named(line: bytes) -> None:
    with pytest.raises(ValueError, match="manifest line 2 is no row"):
        read_manifest(manifest_lines(ROWS)[0] + b"\n" + line)


def test_a_result_line_leaves_out_what_does_not_apply() -> None:
    line = ResultLine(path="ada/1.jpg", outcome=ProbeOutcome.UNKNOWN, clarity=1.5)
    assert result_line(line) == b'{"clarity":1.5,"outcome":"Unknown","path":"ada/1.jpg"}'


def test_salts_are_the_same_for_the_same_run() -> None:
    assert line_salts(KEY, "uid", [b"a", b"b"]) == line_salts(KEY, "uid", [b"a", b"b"])


@pytest.mark.parametrize(
    ("key", "subject", "lines"),
    [
        pytest.param(bytes(32), "uid", [b"a"], id="another key"),
        pytest.param(KEY, "other", [b"a"], id="another subject"),
        pytest.param(KEY, "uid", [b"b"], id="another line at the same place"),
    ],
)
def test_a_shown_salt_tells_nothing_of_another(key: bytes, subject: str, lines: list[bytes]) -> None:
    assert line_salts(key, subject, lines) != line_salts(KEY, "uid", [b"a"])


def test_equal_lines_at_two_places_have_two_salts() -> None:
    first, second = line_salts(KEY, "uid", [b"a", b"a"])
    assert first != second
    assert len(first) == len(second) == 32


def test_a_sheet_has_a_row_for_every_fifteen_faces() -> None:
    sheet = decode_image(draw_sheet([Tile(CHIP, f"person {i}", 12.0) for i in range(16)]), 10**8)
    assert sheet.shape[:2] == (2 * 176 + 8, 15 * 136 + 8)


def test_a_sheet_ends_with_its_largest_number_of_tiles() -> None:
    tiles = [Tile(CHIP, "somebody")] * (MAX_TILES + 1)
    assert draw_sheet(tiles) == draw_sheet(tiles[:MAX_TILES])


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(Tile(CHIP, "ben", 12.0), id="another name"),
        pytest.param(Tile(CHIP, "ada", 13.0), id="another clarity"),
        pytest.param(Tile(CHIP, "ada", 12.0, landmarks=((50, 50),)), id="landmarks"),
        pytest.param(Tile(CHIP, "ada", 12.0, score=0.95), id="a score"),
        pytest.param(Tile(CHIP, "ada", 12.0, known=False), id="an unknown face"),
    ],
)
def test_everything_a_tile_says_is_on_the_sheet(changed: Tile) -> None:
    assert draw_sheet([changed]) != draw_sheet([Tile(CHIP, "ada", 12.0)])
    assert draw_sheet([changed]) == draw_sheet([changed])


def test_a_long_name_stays_on_its_tile() -> None:
    neighbours = [Tile(CHIP, "w" * 200), Tile(CHIP, "")]
    sheet = decode_image(draw_sheet(neighbours), 10**8)
    assert np.array_equal(sheet[:, 144:], decode_image(draw_sheet([Tile(CHIP, ""), Tile(CHIP, "")]), 10**8)[:, 144:])


def test_an_empty_sheet_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one face"):
        draw_sheet([])
