"""A picture to look at: face chips in a grid, a name, a clarity value and the landmarks on each.

In: tiles in order. Out: PNG bytes. Invariant: similarity scores are on it only where the tile says so; it shows
people, so it exists in memory and encrypted, nowhere else.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from faceledger_workloads.alignment.five_point import Points
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import decode_png, encode_png, resized

__all__ = ["MAX_TILES", "Tile", "draw_sheet"]

MAX_TILES = 240
"""A sheet is for looking at; more faces than this stay in the results alone."""

SIDE = 128
"""Pixels of a chip on the sheet."""

CAPTION = 40
"""Pixels below a chip: two lines."""

GAP = 8
COLUMNS = 15
_BACKGROUND = (250, 250, 250)
_KNOWN = (20, 110, 60)
_UNKNOWN = (170, 40, 40)
_TEXT = (60, 60, 60)
_POINT = (0, 220, 120)


@dataclass(frozen=True)
class Tile:
    """One face. `known` colours the name."""

    chip_png: bytes
    name: str
    clarity: float | None = None
    landmarks: Points = ()
    score: float | None = None
    known: bool = True


def draw_sheet(tiles: Sequence[Tile], columns: int = COLUMNS) -> bytes:
    """PNG of the first `MAX_TILES` tiles, row by row. ValueError without a tile."""
    shown = tiles[:MAX_TILES]
    if not shown:
        raise ValueError("a sheet needs at least one face")
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    width, height = SIDE + GAP, SIDE + CAPTION + GAP
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), _BACKGROUND)
    for number, tile in enumerate(shown):
        _draw_tile(sheet, tile, GAP + number % columns * width, GAP + number // columns * height)
    return encode_png(np.asarray(sheet))


def _draw_tile(sheet: Image.Image, tile: Tile, left: int, top: int) -> None:
    chip = decode_png(tile.chip_png)
    draw = ImageDraw.Draw(sheet)
    sheet.paste(Image.fromarray(resized(chip, SIDE, SIDE)), (left, top))
    for x, y in _on_sheet(tile.landmarks, chip):
        draw.ellipse((left + x - 2, top + y - 2, left + x + 2, top + y + 2), outline=_POINT, width=1)
    draw.text((left, top + SIDE + 2), _fitting(tile.name), _KNOWN if tile.known else _UNKNOWN, _font(13))
    draw.text((left, top + SIDE + 20), _details(tile), _TEXT, _font(11))


def _on_sheet(landmarks: Points, chip: Pixels) -> list[tuple[float, float]]:
    scale = SIDE / chip.shape[0]
    return [(x * scale, y * scale) for x, y in landmarks]


def _details(tile: Tile) -> str:
    clarity = "" if tile.clarity is None else f"clarity {tile.clarity:.0f}"
    return clarity if tile.score is None else f"{clarity}  score {tile.score:.3f}"


def _fitting(name: str) -> str:
    """The name, cut where the tile ends."""
    if _font(13).getlength(name) <= SIDE:
        return name
    ends = (end for end in range(len(name), 0, -1) if _font(13).getlength(name[:end] + "…") <= SIDE)
    return name[: next(ends, 0)] + "…"


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu knows most alphabets; Pillow's own font is always there."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)
