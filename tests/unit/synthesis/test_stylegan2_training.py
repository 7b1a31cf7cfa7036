"""Training moves both networks, is reproducible across interruptions, and refuses what it cannot train on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from faceledger_workloads.synthesis.augment import adapt_probability, augment
from faceledger_workloads.synthesis.checkpoint import CheckpointError
from faceledger_workloads.synthesis.dataset import TrainingDataError, TrainingImages, load_training_images
from faceledger_workloads.synthesis.generator import load_checkpoint
from faceledger_workloads.synthesis.losses import discriminator_loss, generator_loss, path_lengths, r1_penalty
from faceledger_workloads.synthesis.model import TrainingDivergedError
from faceledger_workloads.synthesis.train import main
from faceledger_workloads.synthesis.training import Trainer, TrainingConfig
from faceledger_workloads.synthesis.training_state import load_state, save_state


def _weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {
        f"{part}.{name}": tensor.clone()
        for part in ("generator", "discriminator", "average")
        for name, tensor in getattr(trainer, part).state_dict().items()
    }


def test_the_losses_of_an_undecided_discriminator_are_log_two_a_logit() -> None:
    zeros = torch.zeros(3, 1)
    assert generator_loss(zeros).item() == pytest.approx(0.6931, abs=1e-4)
    assert discriminator_loss(zeros, zeros).item() == pytest.approx(1.3863, abs=1e-4)


def test_r1_of_a_linear_discriminator_is_the_squared_norm_of_its_weights() -> None:
    weights = torch.arange(12.0).reshape(1, 3, 2, 2)
    images = torch.randn(5, 3, 2, 2, requires_grad=True)
    logits = (images * weights).sum(dim=(1, 2, 3)).unsqueeze(1)
    assert r1_penalty(images, logits).item() == pytest.approx(weights.square().sum().item())


def test_path_lengths_scale_with_the_generator() -> None:
    ws = torch.randn(2, 4, 8, requires_grad=True)
    noise = torch.randn(2, 3, 4, 4)
    images = ws.sum(dim=(1, 2)).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    torch.testing.assert_close(path_lengths(images * 3, ws, noise), path_lengths(images, ws, noise) * 3)


def test_a_step_moves_both_networks_and_the_average(
    tiny_training: TrainingConfig, noise_images: TrainingImages
) -> None:
    trainer = Trainer(tiny_training)
    before = _weights(trainer)
    report = trainer.train_step(noise_images)
    moved = {name.split(".")[0] for name, tensor in _weights(trainer).items() if not torch.equal(tensor, before[name])}
    assert moved == {"generator", "discriminator", "average"}
    assert (report.step, report.kimg) == (1, 0.004)


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    tiny_training: TrainingConfig, noise_images: TrainingImages, tmp_path: Path
) -> None:
    uninterrupted, interrupted = Trainer(tiny_training), Trainer(tiny_training)
    for _ in range(3):
        interrupted.train_step(noise_images)
    save_state(interrupted, tmp_path / "state.safetensors")
    resumed = load_state(tmp_path / "state.safetensors")
    for _ in range(3):
        resumed.train_step(noise_images)
    for _ in range(6):
        uninterrupted.train_step(noise_images)
    expected = _weights(uninterrupted)
    assert resumed.augment_p == uninterrupted.augment_p
    assert all(torch.equal(tensor, expected[name]) for name, tensor in _weights(resumed).items())


def test_other_seeds_start_from_other_weights(tiny_training: TrainingConfig) -> None:
    first, second = (Trainer(tiny_training.model_copy(update={"seed": seed})) for seed in (0, 1))
    assert not torch.equal(first.generator.synthesis.b4.const, second.generator.synthesis.b4.const)


def test_a_loss_that_is_no_number_stops_the_run_before_it_reaches_a_weight(
    tiny_training: TrainingConfig, noise_images: TrainingImages
) -> None:
    trainer = Trainer(tiny_training)
    trainer.discriminator.b4.out.bias.data.fill_(float("nan"))
    before = _weights(trainer)
    with pytest.raises(TrainingDivergedError, match="step 0"):
        trainer.train_step(noise_images)
    after = _weights(trainer)
    assert all(torch.equal(after[name], before[name]) for name in after if name.startswith("average"))


def test_bfloat16_activations_stay_close_to_float32(
    tiny_training: TrainingConfig, noise_images: TrainingImages
) -> None:
    reports = [
        Trainer(tiny_training.model_copy(update={"bfloat16": half})).train_step(noise_images) for half in (False, True)
    ]
    assert reports[1].generator_loss == pytest.approx(reports[0].generator_loss, rel=0.05)


@pytest.mark.parametrize(
    ("p", "real_sign", "expected"),
    [
        pytest.param(0.2, 0.9, 0.3, id="over-fitting raises it"),
        pytest.param(0.2, 0.1, 0.1, id="otherwise it falls"),
        pytest.param(0.05, 0.1, 0.0, id="never below zero"),
        pytest.param(0.95, 0.9, 1.0, id="never above one"),
    ],
)
def test_the_augmentation_probability_follows_the_sign_of_real_logits(
    p: float, real_sign: float, expected: float
) -> None:
    assert adapt_probability(p, real_sign, target=0.6, images=10, adapt_kimg=0.1) == pytest.approx(expected)


def test_augmentation_leaves_images_alone_at_p_zero_and_keeps_shape_and_gradient_at_one() -> None:
    images = torch.rand(4, 3, 16, 16, requires_grad=True)
    random = torch.Generator().manual_seed(0)
    assert augment(images, 0.0, random) is images
    changed = augment(images, 1.0, random)
    assert changed.shape == images.shape
    assert not torch.allclose(changed, images)
    changed.sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_training_images_are_the_central_square_at_the_asked_resolution(image_folder: Path) -> None:
    images = load_training_images(image_folder, 16, crop=0.8)
    assert images.pixels.shape == (64, 3, 16, 16)
    batch = images.batch(5, torch.Generator().manual_seed(0))
    assert batch.shape == (5, 3, 16, 16)
    assert -1 <= batch.min() < batch.max() <= 1


def test_too_few_images_are_refused_with_their_number(image_folder: Path) -> None:
    next(image_folder.glob("*.png")).unlink()
    with pytest.raises(TrainingDataError, match="63 images, at least 64"):
        load_training_images(image_folder, 16)


def test_an_image_that_cannot_be_read_is_named(image_folder: Path) -> None:
    (image_folder / "broken.jpg").write_bytes(b"text")
    with pytest.raises(TrainingDataError, match=r"broken\.jpg"):
        load_training_images(image_folder, 16)


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"not a state")
    with pytest.raises(CheckpointError, match=r"state\.safetensors"):
        load_state(path)


def test_the_command_trains_resumes_and_leaves_a_generator_that_samples(
    image_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = [
        *("--data", str(image_folder), "--out", str(out), "--save-kimg", "0.008", "--threads", "1"),
        *("--resolution", "16", "--channel-base", "64", "--channel-max", "8", "--batch", "4"),
    ]
    assert main([*command, "--kimg", "0.008"]) == 0
    assert main([*command, "--kimg", "0.016"]) == 0
    progress = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["step"] for line in progress] == [2, 4]
    assert load_checkpoint(out / "generator.safetensors").sample(0, [0]).shape == (1, 16, 16, 3)
    assert not list(out.glob(".*"))


def test_the_command_says_why_it_cannot_train(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "absent"), "--out", str(tmp_path), "--kimg", "1"]) == 2
    assert "absent: not a folder" in json.loads(capsys.readouterr().err)["reason"]
