"""Turns face chips into 128-d embeddings, by torch or by dlib itself.

In: chips of any size. Out: (n, 128) float32 rows, raw as dlib gives them. Invariant: a row depends on the chips that
share its batch (in the last bits) and on nothing else, so callers that cut batches alike get equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, assert_never

import dlib
import numpy as np
import torch

from faceledger_workloads.embedding.dlib_file import WeightsFileError, read_resnet
from faceledger_workloads.embedding.network import CHIP_SIZE, FaceResNet
from faceledger_workloads.embedding.rows import Embeddings, joined
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import resized
from faceledger_workloads.models import FACE_RESNET, ModelFileError
from faceledger_workloads.runspec import Encoder

__all__ = ["DlibEncoder", "FaceEncoder", "TorchEncoder", "load_encoder"]


class FaceEncoder(Protocol):
    """One backend."""

    def encode(self, chips: Sequence[Pixels]) -> Embeddings:
        """One row a chip, in one batch."""
        ...


def load_encoder(encoder: Encoder, device: str) -> FaceEncoder:
    """The backend that the run asks for, on `device` (`cpu` or `cuda`). Raises `ModelFileError`."""
    match encoder.backend:
        case "Torch":
            dtype = torch.bfloat16 if encoder.precision == "BFloat16" else torch.float32
            return TorchEncoder(dtype, device)
        case "Dlib":
            return DlibEncoder()
        case _:
            assert_never(encoder.backend)


class TorchEncoder:
    """The network of `network.py`. float32 equals dlib within 1e-5; bfloat16 keeps a cosine of 0.9999 to it."""

    def __init__(self, dtype: torch.dtype = torch.float32, device: str = "cpu") -> None:
        try:
            network = FaceResNet(read_resnet(FACE_RESNET.read()))
        except WeightsFileError as error:
            raise ModelFileError(f"{FACE_RESNET.name}: {error}") from error
        self._device = device
        # .to would cast the mean as well, which has to stay exact.
        mean = network.mean.clone()
        self._network = network.eval().to(memory_format=torch.channels_last).to(device, dtype)
        self._network.mean = mean.to(device)

    def encode(self, chips: Sequence[Pixels]) -> Embeddings:
        """(n, 128) for `chips`, each resized to 150 px where it has another size."""
        if not chips:
            return joined([])
        with torch.inference_mode():
            batch = torch.from_numpy(_stacked(chips)).to(self._device)
            rows = self._network(batch.permute(0, 3, 1, 2))
        return np.asarray(rows.cpu().numpy(), dtype=np.float32)


class DlibEncoder:
    """dlib's own implementation: the reference that the other one is held to."""

    def __init__(self) -> None:
        self._network = dlib.face_recognition_model_v1(str(FACE_RESNET.path()))

    def encode(self, chips: Sequence[Pixels]) -> Embeddings:
        """(n, 128), one face after the other: dlib gains nothing from a batch."""
        rows = [np.array(self._network.compute_face_descriptor(chip), dtype=np.float32) for chip in _stacked(chips)]
        return joined([row[None] for row in rows])


def _stacked(chips: Sequence[Pixels]) -> Pixels:
    if not chips:
        return np.empty((0, CHIP_SIZE, CHIP_SIZE, 3), dtype=np.uint8)
    return np.stack([resized(chip, CHIP_SIZE, CHIP_SIZE) for chip in chips])
