"""Reading dlib's weights: every byte is accounted for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from faceledger_workloads import models
from faceledger_workloads.embedding.dlib_file import ResNetWeights, WeightsFileError, read_resnet
from faceledger_workloads.models import FACE_RESNET, FIVE_POINTS, ModelFile, ModelFileError


@pytest.fixture(scope="module")
def published() -> bytes:
    return FACE_RESNET.read()


@pytest.fixture(scope="module")
def weights(published: bytes) -> ResNetWeights:
    return read_resnet(published)


def test_the_published_file_is_read_to_its_last_byte(weights: ResNetWeights) -> None:
    parameters = [c.filters.size + c.bias.size + 2 * c.gamma.size for c in weights.convolutions]
    assert sum(parameters) + weights.projection.size == 5_614_592
    assert len(weights.convolutions) == 29
    assert weights.projection.shape == (256, 128)
    assert weights.mean_rgb == pytest.approx((122.782, 117.001, 104.298), abs=1e-4)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(lambda data: data[:-1], "the file ends", id="one byte short"),
        pytest.param(lambda data: data[: len(data) // 2], "the file ends", id="half a file"),
        pytest.param(lambda data: data + b"\0", "1 bytes are left over", id="one byte more"),
        pytest.param(lambda _: b"", "the file ends", id="nothing"),
        pytest.param(lambda data: b"\x01\x02" + data[2:], "loss layer version", id="another version"),
        pytest.param(lambda data: data.replace(b"con_4", b"con_5", 1), "'con_5', expected 'con_4'", id="another layer"),
        pytest.param(lambda data: data.replace(b"affine_", b"affinf_", 1), "layer name", id="a flipped bit in a name"),
        pytest.param(lambda data: data[:3] + b"\xff" + data[4:], "before offset", id="a broken length"),
    ],
)
def test_a_damaged_file_is_refused_at_the_place_of_the_damage(damage, words: str, published: bytes) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(WeightsFileError, match=words):
        read_resnet(damage(published))


def test_another_model_is_refused() -> None:
    with pytest.raises(WeightsFileError):
        read_resnet(FIVE_POINTS.read())


def test_a_model_file_with_another_digest_is_refused_naming_both() -> None:
    other = ModelFile(FACE_RESNET.name, "0" * 64, "", "")
    with pytest.raises(ModelFileError, match=rf"sha256 is {FACE_RESNET.sha256}, pinned is 0{{64}}"):
        other.path()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(
            lambda data: data[:-5000] + bytes([data[-5000] ^ 1]) + data[-4999:], id="a flipped bit in a weight"
        ),
        pytest.param(lambda data: data[:-1], id="one byte short"),
        pytest.param(lambda data: data + b"\0", id="one byte more"),
    ],
)
def test_a_damaged_copy_is_refused_before_it_is_read(
    damage: Callable[[bytes], bytes], published: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / FACE_RESNET.name).write_bytes(damage(published))
    package = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(models, "find_spec", lambda _: package)
    with pytest.raises(ModelFileError, match=rf"{FACE_RESNET.name}: sha256 is .*, pinned is {FACE_RESNET.sha256}"):
        models._checked.__wrapped__(FACE_RESNET)


def test_a_missing_model_file_is_named() -> None:
    with pytest.raises(ModelFileError, match=r"nothing\.dat: missing"):
        ModelFile("nothing.dat", "0" * 64, "", "").path()
