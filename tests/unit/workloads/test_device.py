"""Where a process computes."""

from __future__ import annotations

import pytest
import torch
from faceledger_workloads.device import usable_device


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    usable_device.cache_clear()


def test_the_processor_is_always_there() -> None:
    assert usable_device("cpu") == "cpu"


def test_a_process_without_the_gpu_that_was_asked_for_computes_on_the_processor_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert usable_device("cuda") == "cpu"
    assert "cuda was asked for" in caplog.text


def test_a_gpu_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert usable_device("cuda") == "cuda"
