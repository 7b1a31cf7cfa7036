"""dlib's CNN detector in torch is held to dlib's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dlib
import numpy as np
import pytest
from faceledger_workloads.detection import mmod
from faceledger_workloads.detection.box import Box, Detection
from faceledger_workloads.detection.mmod import MmodDetector, suppressed
from faceledger_workloads.detection.mmod_file import read_mmod
from faceledger_workloads.detection.tiled_pyramid import lay_out
from faceledger_workloads.embedding.dlib_stream import WeightsFileError
from faceledger_workloads.face import FaceFinder
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import resized
from faceledger_workloads.models import MMOD
from faceledger_workloads.runspec import FaceSearch


@pytest.fixture(scope="module")
def detector() -> MmodDetector:
    return MmodDetector()


@pytest.fixture
def crowd(portrait: Pixels) -> Pixels:
    """Two sizes of a face, and a plane that no pyramid level divides evenly."""
    canvas = np.full((221, 339, 3), 60, dtype=np.uint8)
    canvas[:221, :181] = resized(portrait, 181, 221)
    canvas[40:190, 200:323] = resized(portrait, 123, 150)
    return canvas


def test_boxes_and_scores_are_those_of_dlib(detector: MmodDetector, crowd: Pixels) -> None:
    reference = dlib.cnn_face_detection_model_v1(str(MMOD.path()))(crowd, 0)
    (found,) = detector.detect([crowd])
    assert len(found) == len(reference) == 2
    for ours, theirs in zip(found, reference, strict=True):
        rect = theirs.rect
        edges = (rect.left(), rect.top(), rect.right(), rect.bottom())
        assert max(abs(a - b) for a, b in zip(ours.box.edges, edges, strict=True)) <= 1
        assert ours.score == pytest.approx(theirs.confidence, abs=1e-3)


def test_an_even_surface_has_no_face(detector: MmodDetector) -> None:
    assert detector.detect([np.full((120, 90, 3), 77, dtype=np.uint8)]) == [[]]


def test_images_of_several_sizes_are_answered_in_their_order(
    detector: MmodDetector, crowd: Pixels, portrait: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(mmod._AT_ONCE, "cpu", 2)
    images = [crowd, portrait, np.ascontiguousarray(crowd[:, ::-1]), np.full_like(portrait, 9), crowd]
    together = detector.detect(images)
    alone = [detector.detect([pixels])[0] for pixels in images]
    assert [len(found) for found in together] == [2, 1, 2, 0, 2]
    assert [[face.box for face in found] for found in together] == [[face.box for face in found] for found in alone]


@pytest.mark.parametrize(
    ("search", "device", "kind"),
    [
        pytest.param(FaceSearch(), "cpu", "HogDetector", id="Auto on a CPU is HOG"),
        pytest.param(FaceSearch(detector="Mmod"), "cpu", "MmodDetector", id="Mmod is to be had on a CPU"),
        pytest.param(FaceSearch(), "cuda", "MmodDetector", id="Auto is Mmod where a GPU was asked for"),
    ],
)
def test_the_detector_is_the_one_that_was_asked_for(
    search: FaceSearch, device: str, kind: str, orl_photo: Callable[[int, int], Path]
) -> None:
    finder = FaceFinder(search, device)
    assert type(finder.detector).__name__ == kind


def test_all_levels_of_a_pyramid_lie_apart_within_the_plane() -> None:
    pyramid = lay_out(320, 240)
    plane = np.zeros((pyramid.height, pyramid.width), dtype=int)
    for level in pyramid.levels:
        plane[level.top : level.top + level.height, level.left : level.left + level.width] += 1
    assert plane.max() == 1
    assert plane.sum() == sum(level.width * level.height for level in pyramid.levels)
    assert len(pyramid.levels) > 15


def test_a_point_of_the_first_level_is_a_point_of_the_image() -> None:
    level = lay_out(320, 240).levels[0]
    assert lay_out(320, 240).in_image(level.left + 100, level.top + 100, 81, 81) == Box(60, 60, 140, 140)


@pytest.mark.parametrize(
    ("other", "kept"),
    [
        pytest.param(Box(0, 0, 99, 99), 1, id="the same box"),
        pytest.param(Box(10, 10, 109, 109), 1, id="a neighbour"),
        pytest.param(Box(80, 80, 179, 179), 2, id="a corner in common"),
        pytest.param(Box(100, 0, 199, 99), 2, id="side by side"),
    ],
)
def test_detections_of_one_face_become_one(other: Box, kept: int) -> None:
    detections = [Detection(Box(0, 0, 99, 99), 1.0), Detection(other, 0.9)]
    assert suppressed(detections, 0.34, 1.0) == detections[:kept]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda data: data[:-1], "the file ends", id="truncated"),
        pytest.param(lambda data: data + b"\0", "1 bytes are left over", id="bytes behind the end"),
        pytest.param(lambda data: data[:4] + b"LOSS_mmod_" + data[14:], "layer name", id="another loss layer"),
        pytest.param(lambda data: data[:95] + b"\x05" + data[96:], "layer name", id="a flipped byte in the header"),
    ],
)
def test_a_damaged_file_is_refused(damage: Callable[[bytes], bytes], message: str) -> None:
    with pytest.raises(WeightsFileError, match=message):
        read_mmod(damage(MMOD.read()))
