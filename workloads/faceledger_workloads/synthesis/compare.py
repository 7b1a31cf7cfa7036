"""`python -m faceledger_workloads.synthesis.compare --data DIR --out DIR`: the four models at equal compute.

In: a folder of face images. Out: compare.json, compare.png and compare.html with, for each model, what so many seconds
of processor time gave: images shown, detection rate, Fréchet distance, precision, recall, coverage and spread in dlib's
space against images that were held out, and for CycleGAN, which makes no people, how many translations stay the person.
Invariant: every model gets the same images, resolution, batch, threads and seconds and shows as many faces; nothing is
tuned for one of them, and none is judged against an image that it was given.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from faceledger_workloads.charts import chart_png
from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.synthesis.checkpoint import write_atomically
from faceledger_workloads.synthesis.cyclegan import CycleGANFaces
from faceledger_workloads.synthesis.dataset import TrainingImages, load_training_images
from faceledger_workloads.synthesis.distances import (
    NEIGHBOURS,
    SAME_PERSON,
    compare_manifolds,
    frechet_distance,
    share_closer_than,
)
from faceledger_workloads.synthesis.eye import Eye
from faceledger_workloads.synthesis.faces import face_generator
from faceledger_workloads.synthesis.model import FaceTrainer
from faceledger_workloads.synthesis.trainers import TRAINERS, build_trainer, training_config

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Compared", "Conditions", "compare", "main"]

Pixels = NDArray[np.uint8]

_Encoded = tuple[Embeddings, list[int]]
"""The faces that were found, and in which images."""


@dataclass(frozen=True)
class Conditions:
    """What all models have in common."""

    resolution: int = 64
    channels: int = 64
    batch: int = 16
    seconds: float = 300.0
    faces: int = 256
    seed: int = 0


@dataclass(frozen=True)
class Compared:
    """What one model reached; None where too few faces were found to tell, or the question does not arise."""

    model: str
    kimg: float
    detection_rate: float
    frechet_distance: float | None = None
    precision: float | None = None
    recall: float | None = None
    density: float | None = None
    coverage: float | None = None
    identity_spread: float | None = None
    identity_retention: float | None = None


@dataclass(frozen=True)
class _HeldOut:
    """Images that nothing was trained on, in two halves: `real` is what faces are judged against, and `sources` is what
    CycleGAN translates, which would be judged against its own inputs otherwise."""

    real: list[Pixels]
    sources: list[Pixels]

    @classmethod
    def halved(cls, images: TrainingImages, faces: int) -> _HeldOut:
        """At most `faces` in each half."""
        pixels = list(images.pixels.permute(0, 2, 3, 1).contiguous().numpy())
        return cls(pixels[0::2][:faces], pixels[1::2][:faces])


def compare(
    images: TrainingImages, held_out: TrainingImages, conditions: Conditions
) -> tuple[list[Compared], dict[str, Pixels]]:
    """Each model's figures, and a strip of its faces. ValueError for less than two images in `held_out`."""
    if len(held_out.pixels) < 2:
        raise ValueError("held_out: one half is judged against, and the other one translated")
    eye, held = Eye(), _HeldOut.halved(held_out, conditions.faces)
    real, _ = eye.encode(held.real)
    sources = eye.encode(held.sources)
    results, strips = [], {}
    for kind in TRAINERS:
        trainer = _trained(kind, images, conditions)
        faces = _faces(trainer, held.sources, conditions.seed)
        strips[kind] = np.concatenate(faces[:8], axis=1)
        results.append(_judged(kind, trainer.kimg, eye.encode(faces), len(faces), real, sources))
    return results, strips


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the report; 0."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    conditions = Conditions(options.resolution, options.channels, options.batch, options.seconds, options.faces)
    images = load_training_images(options.data, conditions.resolution, options.crop)
    # Every fifth image is never trained on.
    chosen = torch.arange(len(images.pixels)) % 5 == 0
    results, strips = compare(TrainingImages(images.pixels[~chosen]), TrainingImages(images.pixels[chosen]), conditions)
    rows = [asdict(result) for result in results]
    described = {"conditions": asdict(conditions), "models": rows}
    chart = _chart(results)
    write_atomically(options.out / "compare.json", json.dumps(described, indent=2).encode() + b"\n")
    write_atomically(options.out / "compare.png", chart)
    write_atomically(options.out / "compare.html", _page(rows, conditions, chart, strips))
    print(json.dumps(described))  # noqa: T201
    return 0


def _trained(kind: str, images: TrainingImages, conditions: Conditions) -> FaceTrainer:
    """A run that was given its seconds. ProGAN grows by what the first steps let expect."""
    rate = _images_a_second(kind, images, conditions)
    trainer = _begin(kind, conditions, kimg=rate * conditions.seconds / 1000)
    end = time.process_time() + conditions.seconds
    while time.process_time() < end:
        trainer.train_step(images)
    return trainer


def _images_a_second(kind: str, images: TrainingImages, conditions: Conditions) -> float:
    trainer = _begin(kind, conditions, kimg=1e-3)  # a ProGAN that is grown at once: its slowest steps
    trainer.train_step(images)
    started, first = time.process_time(), trainer.kimg
    while time.process_time() < started + conditions.seconds / 50:
        trainer.train_step(images)
    return max(trainer.kimg - first, conditions.batch / 1000) * 1000 / (time.process_time() - started)


def _begin(kind: str, conditions: Conditions, kimg: float) -> FaceTrainer:
    config = training_config(
        kind,
        resolution=conditions.resolution,
        channels=conditions.channels,
        seed=conditions.seed,
        batch=conditions.batch,
        learning_rate=None,
        kimg=kimg,
        bfloat16=False,
    )
    return build_trainer(kind, config.model_dump_json())


def _faces(trainer: FaceTrainer, sources: Sequence[Pixels], seed: int) -> list[Pixels]:
    """As many as there are sources: new ones, or the sources' translations."""
    generator = face_generator(trainer.modules()["average"], "0" * 64)
    if isinstance(generator, CycleGANFaces):
        return [generator.vary(face, 1 + number % 2) for number, face in enumerate(sources)]
    return list(generator.sample(seed, range(len(sources)), 1.0))


def _judged(kind: str, kimg: float, made: _Encoded, shown: int, real: Embeddings, sources: _Encoded) -> Compared:
    """`made`: what was found in the `shown` faces of the model; `real`: others' embeddings."""
    rows, where = made
    enough = min(len(rows), len(real)) > NEIGHBOURS
    figures = asdict(compare_manifolds(real, rows)) if enough else {}
    figures |= {"frechet_distance": frechet_distance(real, rows)} if enough else {}
    if kind == "CycleGAN":
        figures |= {"identity_retention": _retention(made, sources)}
    elif len(rows) > 1:
        figures |= {"identity_spread": share_closer_than(rows)}
    rounded = {name: None if value is None else round(value, 4) for name, value in figures.items()}
    return Compared(kind, round(kimg, 3), round(len(where) / shown, 4), **rounded)


def _retention(made: _Encoded, sources: _Encoded) -> float | None:
    """Translations that dlib takes for the person they were made from, of those where both faces were found."""
    own = dict(zip(sources[1], sources[0], strict=True))
    near = [
        float(np.linalg.norm(row - own[number])) < SAME_PERSON
        for row, number in zip(*made, strict=True)
        if number in own
    ]
    return sum(near) / len(near) if near else None


def _chart(results: Sequence[Compared]) -> bytes:
    return chart_png((10, 3.5), lambda figure: _draw(figure, results))


def _draw(figure: Figure, results: Sequence[Compared]) -> None:
    names = [result.model for result in results]
    shown = ("detection_rate", "frechet_distance", "coverage")
    for panel, name in zip(figure.subplots(1, len(shown)), shown, strict=True):
        panel.bar(names, [getattr(result, name) or 0.0 for result in results])
        panel.set(title=name.replace("_", " "))
        panel.tick_params(axis="x", rotation=30)


def _page(
    rows: Sequence[Mapping[str, object]], conditions: Conditions, chart: bytes, strips: Mapping[str, Pixels]
) -> bytes:
    from faceledger_workloads.images.scale import encode_png

    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in rows[0])
    cells = ("".join(f"<td>{'—' if v is None else html.escape(str(v))}</td>" for v in row.values()) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in cells)
    strip = "".join(f"<h2>{name}</h2>{_picture(encode_png(pixels))}" for name, pixels in strips.items())
    words = ", ".join(f"{name} {value}" for name, value in asdict(conditions).items())
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Four generators at equal compute</title>\n'
        f"<h1>Four generators at equal compute</h1>\n<p>{words}. CycleGAN translates held-out faces; the others make"
        f" new ones.</p>\n<table><tr>{head}</tr>{body}</table>\n{_picture(chart)}{strip}\n</html>\n"
    ).encode()


def _picture(png: bytes) -> str:
    return f'<p><img alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}"></p>'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="faceledger_workloads.synthesis.compare", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of face images; every fifth is held out")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    parser.add_argument("--seconds", type=float, default=300.0, help="of processor time for training, for each model")
    parser.add_argument("--resolution", type=int, default=64, help="pixels a side, a power of two")
    parser.add_argument("--channels", type=int, default=64, help="most channels anywhere")
    parser.add_argument("--batch", type=int, default=16, help="images a step")
    parser.add_argument("--faces", type=int, default=256, help="most faces that are compared")
    parser.add_argument("--crop", type=float, default=1.0, help="share of the central square to keep")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
