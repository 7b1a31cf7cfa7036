"""ProGAN, CycleGAN and MGAN: each learns, each goes on bit by bit after an interruption, each makes what it says."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from faceledger_workloads.synthesis.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from faceledger_workloads.synthesis.cyclegan import (
    CannotSampleError,
    CycleGANConfig,
    CycleGANFaces,
    CycleGANTrainer,
    CycleGANTrainingConfig,
    ImagePool,
    Translators,
    split_by_light,
)
from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.faces import face_generator, load_faces
from faceledger_workloads.synthesis.generator import load_checkpoint
from faceledger_workloads.synthesis.mgan import MGANConfig, MGANTrainer, MGANTrainingConfig
from faceledger_workloads.synthesis.model import CannotVaryError, Latent, TrainingDivergedError
from faceledger_workloads.synthesis.progan import ProGANConfig, ProGANTrainer, ProGANTrainingConfig, grown, shown_at
from faceledger_workloads.synthesis.rivals import Rivals

SIDE = 16


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small lose more by sharing a step among threads than they gain."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_progan(phase_kimg: float = 0.008, **settings: Any) -> ProGANTrainer:
    network = ProGANConfig(z_dim=8, img_resolution=SIDE, channel_base=64, channel_max=8)
    return ProGANTrainer(ProGANTrainingConfig(network=network, batch=4, phase_kimg=phase_kimg, **settings))


def make_mgan(**settings: Any) -> MGANTrainer:
    network = MGANConfig(generators=3, z_dim=8, img_resolution=SIDE, channel_base=64, channel_max=8)
    return MGANTrainer(MGANTrainingConfig(network=network, batch=4, r1_interval=2, augment_kimg=0.1, **settings))


def make_cyclegan(**settings: Any) -> CycleGANTrainer:
    network = CycleGANConfig(img_resolution=SIDE, channels=4, residual_blocks=1)
    return CycleGANTrainer(CycleGANTrainingConfig(network=network, batch=2, pool=3, **settings))


MODELS = [
    pytest.param(make_progan, id="ProGAN"),
    pytest.param(make_mgan, id="MGAN"),
    pytest.param(make_cyclegan, id="CycleGAN"),
]


def weights(trainer: Rivals) -> dict[str, torch.Tensor]:
    modules = trainer.modules().items()
    return {f"{part}.{name}": t.clone() for part, module in modules for name, t in module.state_dict().items()}


def resumed(trainer: Rivals, fresh: Rivals) -> Rivals:
    """`fresh` in the state of `trainer`, as a process that was started again would be."""
    for part, module in fresh.modules().items():
        module.load_state_dict(copy.deepcopy(trainer.modules()[part].state_dict()))
    for part, optimizer in fresh.optimizers().items():
        optimizer.load_state_dict(copy.deepcopy(trainer.optimizers()[part].state_dict()))
    fresh.restore(trainer.counters())
    return fresh


@pytest.mark.parametrize("make", MODELS)
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    make: Callable[[], Rivals], noise_images: TrainingImages
) -> None:
    uninterrupted, interrupted = make(), make()
    for _ in range(5):
        interrupted.train_step(noise_images)
    going_on = resumed(interrupted, make())
    for _ in range(4):
        going_on.train_step(noise_images)
    for _ in range(9):
        uninterrupted.train_step(noise_images)
    expected = weights(uninterrupted)
    assert going_on.counters() == uninterrupted.counters()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(going_on).items())


@pytest.mark.parametrize("make", MODELS)
def test_a_step_moves_every_network_and_its_average(make: Callable[[], Rivals], noise_images: TrainingImages) -> None:
    trainer = make()
    before = weights(trainer)
    report = trainer.train_step(noise_images)
    after = weights(trainer)
    moved = {name.split(".")[0] for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert moved == set(trainer.modules())
    assert report.step == 1
    assert math.isfinite(report.generator_loss)
    assert math.isfinite(report.discriminator_loss)


@pytest.mark.parametrize("make", MODELS)
def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(
    make: Callable[[], Rivals], noise_images: TrainingImages
) -> None:
    trainer = make()
    trainer.train_step(noise_images)
    next(trainer.modules()["generator"].parameters()).data.fill_(float("nan"))
    average = copy.deepcopy(trainer.modules()["average"].state_dict())
    with pytest.raises(TrainingDivergedError, match="step 1: the"):
        trainer.train_step(noise_images)
    kept = trainer.modules()["average"].state_dict()
    assert all(torch.equal(tensor, average[name]) for name, tensor in kept.items())


@pytest.mark.parametrize("make", MODELS)
def test_bfloat16_activations_stay_close_to_float32(make: Callable[..., Rivals], noise_images: TrainingImages) -> None:
    full, half = (make(bfloat16=bfloat16).train_step(noise_images) for bfloat16 in (False, True))
    assert half.discriminator_loss == pytest.approx(full.discriminator_loss, rel=0.1)


@pytest.fixture
def striped_images() -> TrainingImages:
    """Grey images with a bright left half: a distribution so simple that a few hundred steps come near it."""
    pixels = torch.full((64, 3, SIDE, SIDE), 60, dtype=torch.uint8)
    pixels[:, :, :, : SIDE // 2] = 200
    return TrainingImages(
        pixels + torch.randint(0, 10, pixels.shape, generator=torch.Generator().manual_seed(1)).byte()
    )


@pytest.fixture
def dark_images(striped_images: TrainingImages) -> TrainingImages:
    """What takes least to learn: images are dark."""
    return TrainingImages(striped_images.pixels // 8)


@pytest.mark.parametrize(
    ("make", "steps"),
    [
        pytest.param(lambda: make_progan(phase_kimg=0.1, learning_rate=0.01), 120, id="ProGAN"),
        pytest.param(lambda: make_mgan(learning_rate=0.01, augment_target=None), 100, id="MGAN"),
    ],
)
def test_training_brings_the_faces_nearer_to_the_images(
    make: Callable[[], Rivals], steps: int, dark_images: TrainingImages
) -> None:
    trainer = make()

    def distance() -> float:
        network = copy.deepcopy(trainer.modules()["average"])
        faces = face_generator(network, "0" * 64).sample(0, range(16), 1.0)
        return abs(float(faces.mean()) - float(dark_images.pixels.float().mean()))

    before = distance()
    for _ in range(steps):
        trainer.train_step(dark_images)
    assert distance() < 0.6 * before


def test_cycle_consistency_improves(striped_images: TrainingImages) -> None:
    trainer = make_cyclegan(learning_rate=0.002)
    losses = [trainer.train_step(striped_images).generator_loss for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])


@pytest.mark.parametrize(
    ("kimg", "depth"),
    [
        pytest.param(0, 0.0, id="it begins at 4 px"),
        pytest.param(5, 0.0, id="which settle for a phase"),
        pytest.param(15, 0.5, id="then 8 px fade in"),
        pytest.param(20, 1.0, id="until they have replaced them"),
        pytest.param(25, 1.0, id="and settle"),
        pytest.param(90, 2.0, id="it does not outgrow its resolution"),
    ],
)
def test_networks_grow_with_the_images_shown(kimg: float, depth: float) -> None:
    assert grown(kimg, phase_kimg=10, levels=3) == pytest.approx(depth)


def test_growing_never_jumps() -> None:
    depths = [grown(step / 100, phase_kimg=1, levels=4) for step in range(900)]
    assert max(later - earlier for earlier, later in pairwise(depths)) <= 0.0101


def test_fading_in_changes_the_image_little_at_first(noise_images: TrainingImages) -> None:
    network = make_progan().generator
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    network.depth.fill_(1.0)
    before = network.full_size(z)
    network.depth.fill_(1.001)
    torch.testing.assert_close(network.full_size(z), before, atol=0.02, rtol=0)
    real = noise_images.batch(2, torch.Generator().manual_seed(0))
    assert [shown_at(depth, real).shape[-1] for depth in (0.0, 0.5, 1.0, 1.5, 2.0)] == [4, 8, 8, 16, 16]


def test_the_generators_of_a_mixture_share_all_but_their_first_layer() -> None:
    generators = make_mgan().generators
    own = {name for name, tensor in generators.named_parameters() if tensor.shape[0] == 3 and name.startswith("heads")}
    assert own == {"heads.weight", "heads.bias"}
    z = torch.randn(1, 8).repeat(3, 1)
    one, two, three = generators(z, torch.arange(3))
    assert not torch.allclose(one, two)
    assert not torch.allclose(two, three)


def test_the_classifier_learns_which_generator_made_an_image(striped_images: TrainingImages) -> None:
    trainer = make_mgan(diversity=20.0, learning_rate=0.005, augment_target=None)
    for _ in range(160):
        trainer.train_step(striped_images)
    which = torch.arange(3).repeat(20)
    z = torch.randn(60, 8, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        _, classes = trainer.discriminator(trainer.generators(z, which))
    assert (classes.argmax(dim=1) == which).float().mean() > 0.6


def test_the_sets_that_are_translated_are_the_darker_and_the_brighter_half() -> None:
    levels = torch.tensor([90, 10, 200, 40, 150], dtype=torch.uint8)
    dark, bright = split_by_light(TrainingImages(levels.view(5, 1, 1, 1).expand(5, 3, 4, 4)))
    assert dark.pixels[:, 0, 0, 0].tolist() == [10, 40]
    assert bright.pixels[:, 0, 0, 0].tolist() == [90, 150, 200]


def test_the_pool_shows_fresh_images_until_it_is_full_and_older_ones_then() -> None:
    pool, random = ImagePool(4, 2), torch.Generator().manual_seed(0)
    first = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    assert torch.equal(pool.exchange(first, random), first)
    shown = torch.cat([pool.exchange(first + 10 * n, random) for n in range(1, 6)])[:, 0, 0, 0]
    older = sum(value < 10 * (1 + place // 4) for place, value in enumerate(shown.tolist()))
    assert 4 <= older <= 16


@pytest.mark.parametrize("make", [pytest.param(make_progan, id="ProGAN"), pytest.param(make_mgan, id="MGAN")])
def test_a_face_does_not_depend_on_those_beside_it(make: Callable[[], Rivals]) -> None:
    faces = face_generator(make().modules()["average"], "0" * 64)
    together = faces.sample(7, [3, 1, 2], 0.7)
    assert together.shape == (3, SIDE, SIDE, 3)
    assert np.array_equal(together[2], faces.sample(7, [2], 0.7)[0])
    assert np.array_equal(together[2], faces.vary(Latent(7, 2, 0.7), 0))
    assert not np.array_equal(together[2], faces.vary(Latent(7, 2, 0.7), 1))
    with pytest.raises(CannotVaryError):
        faces.vary(together[0], 1)
    with pytest.raises(ValueError, match="seed -1"):
        faces.sample(-1, [0], 0.7)


def test_cyclegan_varies_images_and_makes_no_people() -> None:
    faces = CycleGANFaces(make_cyclegan().translators, "0" * 64)
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    varied = [faces.vary(image, number) for number in range(4)]
    assert all(one.shape == (SIDE, SIDE, 3) for one in varied)
    assert len({one.tobytes() for one in varied}) == 4
    with pytest.raises(CannotSampleError, match="CycleGAN"):
        faces.sample(0, [0], 0.7)
    with pytest.raises(CannotVaryError, match="CycleGAN"):
        faces.vary(Latent(0, 0, 0.7), 1)


@pytest.mark.parametrize("make", MODELS)
def test_a_checkpoint_says_what_it_is_and_gives_the_same_network(make: Callable[[], Rivals], tmp_path: Path) -> None:
    network = make().modules()["average"].half().float()
    path = tmp_path / "faces.safetensors"
    written = write_checkpoint(path, network, kimg=1, data="noise")
    read, metadata = read_checkpoint(path, written.sha256)
    assert metadata == written
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in read.state_dict().items())
    assert load_faces(path)[0].sha256 == written.sha256
    with pytest.raises(CheckpointError, match="not a StyleGAN2"):
        load_checkpoint(path)


def test_a_checkpoint_of_an_unknown_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "faces.safetensors"
    write_checkpoint(path, Translators(CycleGANConfig(img_resolution=SIDE, channels=4)), kimg=1, data="")
    text = path.with_suffix(".json").read_text()
    path.with_suffix(".json").write_text(text.replace('"CycleGAN"', '"Diffusion"'))
    with pytest.raises(CheckpointError, match="Diffusion is none of StyleGAN2, ProGAN, CycleGAN, MGAN"):
        read_checkpoint(path)
