"""Faces per second by batch size, for choosing `BATCH` of embedding/encoder.py: `make bench B=encoder-batches`.

Measures the network on every device that torch finds here, in both precisions; chips are noise, for nothing in the
network depends on what they show.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from faceledger_workloads.embedding.dlib_file import read_resnet
from faceledger_workloads.embedding.network import CHIP_SIZE, FaceResNet
from faceledger_workloads.models import FACE_RESNET

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hack"))

from testbed.figures import print_figure

BATCHES = {"cpu": (1, 2, 4, 8, 16, 32, 64, 128), "cuda": (16, 32, 64, 128, 256, 512, 1024)}
FACES = {"cpu": 128, "cuda": 16384}
"""That go through the network for each figure, at least."""
ROUNDS = 3


def main() -> None:
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for threads in (1, 2) if device == "cpu" else (1,):
            torch.set_num_threads(threads)
            for dtype in (torch.float32, torch.bfloat16):
                network = FaceResNet(read_resnet(FACE_RESNET.read())).eval().cast(dtype).to(device)
                _measure(network.fuse() if device == "cpu" else network, device, f"{device}_{threads}_{str(dtype)[6:]}")


def _measure(network: FaceResNet, device: str, name: str) -> None:
    with torch.inference_mode():
        for batch in BATCHES[device]:
            shape = (batch, CHIP_SIZE, CHIP_SIZE, 3)
            chips = torch.randint(0, 256, shape, dtype=torch.uint8, device=device).permute(0, 3, 1, 2)
            repeats = max(1, FACES[device] // batch)
            network(chips)
            seconds = min(_timed(network, chips, repeats) for _ in range(ROUNDS))
            print_figure(f"{name}_batch_{batch}", ours=batch * repeats / seconds, unit="faces/s", target="the highest")


def _timed(network: FaceResNet, chips: torch.Tensor, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        network(chips)
    if chips.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
