"""A face is a function of (checkpoint, seed, index, truncation) alone, and a checkpoint is what its digest says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from faceledger_workloads.synthesis.checkpoint import (
    CheckpointDigestDiffersError,
    CheckpointError,
    CheckpointMetadata,
    write_checkpoint,
)
from faceledger_workloads.synthesis.generator import Generator, Precision, bundled_checkpoint, load_checkpoint
from faceledger_workloads.synthesis.model import Latent
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork

SEED = 42


@pytest.fixture
def generator(tiny_network: GeneratorNetwork) -> Generator:
    return Generator(tiny_network, "0" * 64)


@pytest.fixture
def checkpoint(tiny_network: GeneratorNetwork, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    write_checkpoint(path, tiny_network, kimg=0, data="random numbers")
    return path


def test_samples_are_uint8_images_in_the_order_of_their_indices(generator: Generator) -> None:
    faces = generator.sample(SEED, [3, 1, 3])
    assert faces.shape == (3, 16, 16, 3)
    assert faces.dtype == np.uint8
    assert np.array_equal(faces[0], faces[2])
    assert not np.array_equal(faces[0], faces[1])
    assert generator.sample(SEED, []).shape == (0, 16, 16, 3)


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param([[0, 1, 2, 3, 4, 5]], id="one batch"),
        pytest.param([[0], [1], [2], [3], [4], [5]], id="one by one"),
        pytest.param([[5, 4], [3, 2, 1, 0]], id="backwards"),
        pytest.param([[2, 5], [0, 1, 3, 4]], id="interleaved"),
    ],
)
def test_bytes_do_not_depend_on_how_indices_are_batched(generator: Generator, batches: list[list[int]]) -> None:
    expected = {index: generator.sample(SEED, [index])[0].tobytes() for index in range(6)}
    for batch in batches:
        for index, face in zip(batch, generator.sample(SEED, batch), strict=True):
            assert face.tobytes() == expected[index]


def test_bytes_do_not_depend_on_the_number_of_threads(generator: Generator) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = generator.sample(SEED, range(4)).tobytes()
        torch.set_num_threads(2)
        assert generator.sample(SEED, range(4)).tobytes() == alone
    finally:
        torch.set_num_threads(threads)


def test_other_seeds_and_truncations_give_other_faces(generator: Generator) -> None:
    face = generator.sample(SEED, [0], 0.7)
    assert not np.array_equal(face, generator.sample(SEED + 1, [0], 0.7))
    assert not np.array_equal(face, generator.sample(SEED, [0], 1.0))
    assert np.array_equal(face, generator.sample(SEED, [0], 0.7))


def test_variation_zero_is_the_face_and_others_differ_from_it_and_each_other(tiny_network: GeneratorNetwork) -> None:
    network = GeneratorNetwork(tiny_network.config.model_copy(update={"img_resolution": 32}))
    generator = Generator(network, "0" * 64)
    faces = [generator.vary(Latent(SEED, 7, 0.7), variation) for variation in range(40)]
    face, first = faces[:2]
    assert np.array_equal(face, generator.sample(SEED, [7])[0])
    assert len({face.tobytes() for face in faces}) == 40
    assert np.array_equal(first, generator.vary(Latent(SEED, 7, 0.7), 1))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 2, 0], [3] * 9 + [1, 2, 4, 0]])
def test_fast_bytes_do_not_depend_on_batches_or_threads_either(
    checkpoint: Path, order: list[int], threads: int
) -> None:
    fast = load_checkpoint(checkpoint, precision=Precision.FAST)
    expected = {index: fast.sample(SEED, [index])[0] for index in range(5)}
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        faces = fast.sample(SEED, order)
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(face, expected[index]) for index, face in zip(order, faces, strict=True))


def test_fast_faces_are_about_a_grey_level_from_the_exact_ones() -> None:
    exact, fast = (load_checkpoint(bundled_checkpoint("faces-64"), precision=precision) for precision in Precision)
    difference = exact.sample(SEED, range(8)).astype(int) - fast.sample(SEED, range(8))
    assert 0 < np.abs(difference).mean() < 2


@pytest.mark.parametrize(
    ("seed", "index", "truncation", "named"),
    [
        pytest.param(-1, 0, 0.7, "seed -1", id="negative seed"),
        pytest.param(0, -2, 0.7, "index -2", id="negative index"),
        pytest.param(0, 0, 1.5, r"truncation 1\.5", id="truncation above one"),
        pytest.param(0, 0, float("nan"), "truncation nan", id="truncation that is no number"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(
    generator: Generator, seed: int, index: int, truncation: float, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        generator.sample(seed, [index], truncation)


def test_a_stored_checkpoint_gives_the_same_faces_every_time_it_is_loaded(checkpoint: Path) -> None:
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    first, second = load_checkpoint(checkpoint), load_checkpoint(checkpoint, digest)
    assert first.sha256 == digest
    assert np.array_equal(first.sample(SEED, [0, 1]), second.sample(SEED, [0, 1]))


def test_a_digest_that_was_not_asked_for_is_an_error_naming_both(checkpoint: Path) -> None:
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    with pytest.raises(CheckpointDigestDiffersError, match=f"{digest}.*{'f' * 64}"):
        load_checkpoint(checkpoint, "f" * 64)


@pytest.mark.parametrize("position", [8, 500, -1], ids=["header", "middle", "last byte"])
def test_a_flipped_bit_is_noticed(checkpoint: Path, position: int) -> None:
    content = bytearray(checkpoint.read_bytes())
    content[position] ^= 1
    checkpoint.write_bytes(content)
    with pytest.raises(CheckpointDigestDiffersError):
        load_checkpoint(checkpoint)


def _forget_metadata(path: Path) -> None:
    path.with_suffix(".json").unlink()


def test_a_file_that_is_not_the_pinned_one_needs_no_description_to_be_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"something else")
    with pytest.raises(CheckpointDigestDiffersError, match="f" * 64):
        load_checkpoint(foreign, "f" * 64)


def _truncate_with_matching_digest(path: Path) -> None:
    content = path.read_bytes()[:-100]
    path.write_bytes(content)
    _amend(path, sha256=hashlib.sha256(content).hexdigest())


def _claim_another_resolution(path: Path) -> None:
    metadata = CheckpointMetadata.model_validate_json(path.with_suffix(".json").read_bytes())
    _amend(path, config=metadata.config.model_copy(update={"img_resolution": 32}))


def _amend(path: Path, **changes: object) -> None:
    metadata = CheckpointMetadata.model_validate_json(path.with_suffix(".json").read_bytes())
    path.with_suffix(".json").write_text(metadata.model_copy(update=changes).model_dump_json())


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(Path.unlink, id="no tensors"),
        pytest.param(_forget_metadata, id="no metadata"),
        pytest.param(_truncate_with_matching_digest, id="truncated tensors"),
        pytest.param(_claim_another_resolution, id="metadata of another resolution"),
    ],
)
def test_an_unusable_checkpoint_is_an_error_naming_its_file(checkpoint: Path, damage: object) -> None:
    assert callable(damage)
    damage(checkpoint)
    with pytest.raises(CheckpointError, match=r"tiny\.(safetensors|json): "):
        load_checkpoint(checkpoint)


def test_the_bundled_checkpoint_loads_and_its_digest_is_what_its_metadata_says() -> None:
    path = bundled_checkpoint("faces-64")
    generator = load_checkpoint(path)
    assert generator.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert generator.sample(SEED, [0]).shape == (1, 64, 64, 3)
    assert path.stat().st_size <= 12 * 2**20


def test_an_unknown_bundled_checkpoint_is_an_error_listing_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match=r"'faces-63'.*faces-64"):
        bundled_checkpoint("faces-63")
