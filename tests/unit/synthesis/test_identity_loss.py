"""The identity loss is the energy distance between generated and training people as dlib's network sees them."""

from __future__ import annotations

import pytest
import torch
from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.identity import FaceFrame, IdentityLoss, energy_distance
from faceledger_workloads.synthesis.training import Trainer, TrainingConfig


def _rows(count: int, deviation: float, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 16, generator=torch.Generator().manual_seed(seed)) * deviation + shift


def test_two_samples_of_one_distribution_are_no_distance_apart() -> None:
    assert energy_distance(_rows(400, 1, 1), _rows(400, 1, 2)).item() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(
    "generated",
    [
        pytest.param(_rows(400, 0.5, 1), id="people who differ too little"),
        pytest.param(_rows(400, 2, 1), id="people who differ too much"),
        pytest.param(_rows(400, 1, 1, shift=0.5), id="people of another kind"),
    ],
)
def test_people_unlike_the_real_ones_are_a_distance_away(generated: torch.Tensor) -> None:
    assert energy_distance(generated, _rows(400, 1, 2)).item() > 0.1


def test_the_gradient_drives_people_apart_who_are_too_alike() -> None:
    generated = _rows(50, 0.2, 1).requires_grad_(True)
    energy_distance(generated, _rows(200, 1, 2)).backward()  # type: ignore[no-untyped-call]
    assert generated.grad is not None
    moved = generated.detach() - generated.grad
    assert torch.pdist(moved).mean() > torch.pdist(generated.detach()).mean()


def test_the_gradient_reaches_the_pixels_and_leaves_the_network_alone(noise_images: TrainingImages) -> None:
    cpu = torch.device("cpu")
    loss = IdentityLoss(noise_images.pixels, FaceFrame(0.5, 0.6, 0.8), torch.float32, cpu)
    images = torch.zeros(3, 3, 16, 16).uniform_(-1, 1, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    loss(images, torch.Generator().manual_seed(2)).backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert loss.real.shape == (16, 128)
    assert not loss.real.requires_grad


def test_images_without_faces_cannot_be_trained_on_with_this_loss(
    tiny_training: TrainingConfig, noise_images: TrainingImages
) -> None:
    trainer = Trainer(tiny_training.model_copy(update={"identity_weight": 1.0}))
    with pytest.raises(ValueError, match="no face was found"):
        trainer.train_step(noise_images)
