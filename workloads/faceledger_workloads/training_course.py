"""The course of a training run: what was measured at each checkpoint, and what follows from it.

In: one `Point` a checkpoint. Out: whether the run has converged; a PNG of the curves, TensorBoard events, JSON.
Invariant: all are functions of the points alone, byte for byte: no time of day is in them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceledger_contracts.canonical import canonical_json

from faceledger_workloads.charts import chart_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Point", "converged_at", "course_json", "curves_png", "event_file"]

PATIENCE = 5
"""Checkpoints without progress after which a run counts as converged."""

PROGRESS = 0.02
"""Share by which the distance must fall to count as progress."""


@dataclass(frozen=True)
class Point:
    """Means over the steps since the checkpoint before; `frechet_distance` in dlib's space, of this checkpoint."""

    step: int
    kimg: float
    generator_loss: float
    discriminator_loss: float
    real_sign: float
    augment_p: float
    frechet_distance: float


def converged_at(points: Sequence[Point]) -> float | None:
    """Thousand images after which the distance fell no more for `PATIENCE` checkpoints; None while it still falls."""
    best = 0
    for number, point in enumerate(points):
        if point.frechet_distance < (1 - PROGRESS) * points[best].frechet_distance:
            best = number
    return points[best].kimg if points and len(points) - 1 - best >= PATIENCE else None


def course_json(points: Sequence[Point]) -> bytes:
    """Canonical JSON: {"points": [...]}."""
    return canonical_json({"points": [asdict(point) for point in points]})


def curves_png(points: Sequence[Point]) -> bytes:
    """Losses, sign of D(real), augmentation and Fréchet distance over thousand images."""
    return chart_png((9, 6), lambda figure: _draw_curves(figure, points))


def event_file(points: Sequence[Point]) -> bytes:
    """A TensorBoard event file; the wall time of an event is its step, because a clock would change the bytes."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.record_writer import RecordWriter

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events")
        writer = RecordWriter(str(path))
        writer.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())
        for point in points:
            numbers = {name: value for name, value in asdict(point).items() if name != "step"}
            values = [Summary.Value(tag=f"training/{name}", simple_value=value) for name, value in numbers.items()]
            event = Event(wall_time=float(point.step), step=point.step, summary=Summary(value=values))
            writer.write(event.SerializeToString())
        writer.close()
        return path.read_bytes()


def _draw_curves(figure: Figure, points: Sequence[Point]) -> None:
    panels = figure.subplots(2, 2)
    kimg = [point.kimg for point in points]
    curves = (
        ("loss", {"generator": "generator_loss", "discriminator": "discriminator_loss"}),
        ("Fréchet distance (dlib)", {"": "frechet_distance"}),
        ("sign of D(real)", {"": "real_sign"}),
        ("augmentation p", {"": "augment_p"}),
    )
    for panel, (title, lines) in zip(panels.flat, curves, strict=True):
        for label, name in lines.items():
            panel.plot(kimg, [getattr(point, name) for point in points], marker=".", label=label)
        panel.set(title=title, xlabel="thousand images")
        panel.grid(alpha=0.3)
    panels.flat[0].legend()
