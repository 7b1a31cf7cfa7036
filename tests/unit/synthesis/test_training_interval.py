"""An interval of training gives the same state whoever takes it, and says what was wrong with what it got."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from faceledger_workloads.synthesis.checkpoint import CheckpointError
from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.interval import Interval, initial_state, processes_for, take
from faceledger_workloads.synthesis.model import TrainingDivergedError
from faceledger_workloads.synthesis.trainers import TRAINERS, training_config
from faceledger_workloads.synthesis.training_state import pack_state, unpack_state
from pydantic import ValidationError


def config(kind: str, **overrides: object) -> str:
    settings = {
        "resolution": 16,
        "channels": 8,
        "seed": 3,
        "batch": 4,
        "learning_rate": None,
        "kimg": 0.05,
        "bfloat16": False,
    }
    return training_config(kind, **(settings | overrides)).model_dump_json()  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", TRAINERS)
def test_two_intervals_leave_the_state_of_one_twice_as_long(kind: str, noise_images: TrainingImages) -> None:
    start = initial_state(kind, config(kind))
    half = take(Interval(start, 0.008), noise_images)
    whole = take(Interval(start, 0.016), noise_images)
    assert take(Interval(half.state, 0.016), noise_images).state == whole.state
    assert (half.report.step, whole.report.step) == (2, 4)


def test_an_interval_that_is_repeated_gives_the_same_bytes(noise_images: TrainingImages) -> None:
    interval = Interval(initial_state("MGAN", config("MGAN")), 0.012)
    assert take(interval, noise_images) == take(interval, noise_images)


@pytest.mark.timeout(300)
def test_two_processes_train_as_one_network(noise_images: TrainingImages) -> None:
    interval = Interval(initial_state("ProGAN", config("ProGAN")), 0.008, processes=2)
    together, alone = take(interval, noise_images), take(replace(interval, processes=1), noise_images)
    assert (together.report.step, together.report.kimg) == (alone.report.step, alone.report.kimg) == (2, 0.008)
    assert math.isfinite(together.report.discriminator_loss)
    assert together.state != alone.state
    assert take(Interval(together.state, 0.012), noise_images).report.step == 3


def test_a_loss_that_is_no_number_is_told(noise_images: TrainingImages) -> None:
    trainer = unpack_state(initial_state("ProGAN", config("ProGAN")))
    next(trainer.modules()["generator"].parameters()).data.fill_(float("nan"))
    with pytest.raises(TrainingDivergedError, match="step 0: the"):
        take(Interval(pack_state(trainer), 0.008), noise_images)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda state: state[:-9], id="cut short"),
        pytest.param(lambda state: b"", id="empty"),
        pytest.param(lambda state: b"\xff" * 100, id="something else"),
        pytest.param(lambda state: state.replace(b"ProGAN", b"NoGAN!"), id="of an unknown kind"),
    ],
)
def test_a_damaged_state_is_refused(damage: object, noise_images: TrainingImages) -> None:
    state = damage(initial_state("ProGAN", config("ProGAN")))  # type: ignore[operator]
    with pytest.raises(CheckpointError, match="not a training state"):
        take(Interval(state, 0.008), noise_images)


def test_a_resolution_that_is_no_power_of_two_is_named() -> None:
    with pytest.raises(ValidationError, match="img_resolution 48 is not a power of two"):
        config("ProGAN", resolution=48)


def test_progan_is_grown_before_its_run_ends() -> None:
    phase = TRAINERS["ProGAN"].config.model_validate_json(config("ProGAN", resolution=64, kimg=30.0)).phase_kimg  # type: ignore[attr-defined]
    assert 2 * 4 * phase == pytest.approx(20)


@pytest.mark.parametrize(
    ("kind", "batch", "device", "expected"),
    [
        pytest.param("StyleGAN2", 16, "cpu", 1, id="on processors, whatever GPUs there are"),
        pytest.param("StyleGAN2", 16, "cuda", 4, id="one a GPU"),
        pytest.param("StyleGAN2", 6, "cuda", 3, id="as many as share the batch evenly"),
        pytest.param("CycleGAN", 16, "cuda", 1, id="a model that is not shared"),
    ],
)
def test_as_many_processes_train_as_gpus_can_share_the_batch(
    kind: str, batch: int, device: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert processes_for(kind, batch, device) == expected
