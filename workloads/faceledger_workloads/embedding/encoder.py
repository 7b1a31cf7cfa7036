"""Turns face chips into 128-d embeddings, by torch or by dlib itself.

In: chips of any size. Out: (n, 128) float32 rows, raw as dlib gives them. Invariant: on one machine, a row depends on
its chip alone, to the last bit: not on the chips beside it, on how many there are, or on the number of threads.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, assert_never

import dlib
import numpy as np
import torch
from torch import Tensor

from faceledger_workloads.embedding.dlib_file import read_resnet
from faceledger_workloads.embedding.dlib_stream import WeightsFileError
from faceledger_workloads.embedding.execution import Execution, choose_execution, this_machine
from faceledger_workloads.embedding.network import CHIP_SIZE, FaceResNet
from faceledger_workloads.embedding.rows import Embeddings, joined
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import resized
from faceledger_workloads.models import FACE_RESNET, ModelFileError
from faceledger_workloads.runspec import Encoder

__all__ = ["BATCH", "DlibEncoder", "FaceEncoder", "TorchEncoder", "load_encoder"]

BATCH = {"cpu": 32, "cuda": 256}
"""Chips that go through the network at once. CPU: `make bench B=encoder-batches` finds 16 to 64 within a tenth of each
other for both precisions, fewer chips slower (the operators are short) and 128 too (the maps leave the cache). CUDA:
large enough that starting some 90 kernels takes less time than they do, with 0.6 GiB of maps."""

_LOG = logging.getLogger(__name__)


class FaceEncoder(Protocol):
    """One backend."""

    def encode(self, chips: Sequence[Pixels]) -> Embeddings:
        """One row a chip, in their order."""
        ...


def load_encoder(encoder: Encoder, device: str) -> FaceEncoder:
    """The backend that the run asks for, on `device` (`cpu` or `cuda`). Raises `ModelFileError`."""
    match encoder.backend:
        case "Torch":
            execution, remarks = choose_execution(encoder, device, this_machine())
            for remark in remarks:
                _LOG.warning(remark)
            dtype = torch.bfloat16 if encoder.precision == "BFloat16" else torch.float32
            return TorchEncoder(dtype, device, execution)
        case "Dlib":
            return DlibEncoder()
        case _:
            assert_never(encoder.backend)


class TorchEncoder:
    """The network of `network.py`. float32 equals dlib within 1e-5; bfloat16 keeps a cosine of 0.9999 to it."""

    def __init__(
        self,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
        execution: Execution = Execution.FUSED,
    ) -> None:
        self._device = torch.device(device)
        self._network = _load_network().cast(dtype).to(self._device)
        self._forward: Callable[[Tensor], Tensor] = self._network
        self._batch = BATCH[self._device.type]
        self._sound_shapes = {self._batch: True}
        match execution:
            case Execution.FUSED:
                self._network.fuse()
            case Execution.COMPILED:
                self._compile()
            case Execution.EAGER:
                pass
            case _:
                assert_never(execution)

    def encode(self, chips: Sequence[Pixels]) -> Embeddings:
        """(n, 128) for `chips`, each resized to 150 px where it has another size."""
        with torch.inference_mode():
            rows = [self._rows(block) for block in self._blocks(chips)]
            return joined([block.cpu().numpy() for block in rows])

    def _blocks(self, chips: Sequence[Pixels]) -> Iterator[Tensor]:
        """(n, 150, 150, 3) uint8 on the device, n up to a batch. The next block is prepared while a GPU computes."""
        for start in range(0, len(chips), self._batch):
            block = _stacked(chips[start : start + self._batch])
            if self._device.type == "cuda":
                # The pages stay locked until the copy is done: torch's allocator keeps them that long.
                yield block.pin_memory().to(self._device, non_blocking=True)
            else:
                yield block

    def _rows(self, chips: Tensor) -> Tensor:
        """Of at most a batch. A few chips go through alone once their shape has given the very bytes of a whole batch:
        libraries choose their routines by shape, and another routine may add up in another order."""
        shape = min(self._batch, 1 << (len(chips) - 1).bit_length())
        if self._sound_shapes.get(shape):
            return self._computed(chips, shape)
        rows = self._computed(chips, self._batch)
        if shape not in self._sound_shapes:
            self._sound_shapes[shape] = torch.equal(rows, self._computed(chips, shape))
        return rows

    def _computed(self, chips: Tensor, shape: int) -> Tensor:
        missing = shape - len(chips)
        batch = torch.cat([chips, chips.new_zeros(missing, *chips.shape[1:])]) if missing else chips
        # TF32 would cost three digits; an algorithm chosen by timing, or free to add up in any order, the last bits.
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            return self._forward(batch.permute(0, 3, 1, 2))[: len(chips)]

    def _compile(self) -> None:
        """Compiles for whole batches, which all become: each shape would be compiled by itself."""
        self._forward = torch.compile(self._network, dynamic=False)
        self._sound_shapes |= {1 << power: False for power in range(self._batch.bit_length() - 1)}
        blank = torch.zeros(self._batch, CHIP_SIZE, CHIP_SIZE, 3, dtype=torch.uint8, device=self._device)
        try:
            with torch.inference_mode():
                self._computed(blank, self._batch)
        except RuntimeError as error:  # the base of what dynamo and inductor raise, say for want of a compiler
            _LOG.warning("encoder.compile: nothing is compiled, for torch says: %s", str(error).partition("\n")[0])
            self._forward = self._network


class DlibEncoder:
    """dlib's own implementation: the reference that the other one is held to."""

    def __init__(self) -> None:
        self._network = dlib.face_recognition_model_v1(str(FACE_RESNET.path()))

    def encode(self, chips: Sequence[Pixels]) -> Embeddings:
        """(n, 128), one face after the other: dlib gains nothing from a batch."""
        fitted = (resized(chip, CHIP_SIZE, CHIP_SIZE) for chip in chips)
        rows = [np.array(self._network.compute_face_descriptor(chip), dtype=np.float32) for chip in fitted]
        return joined([row[None] for row in rows])


def _load_network() -> FaceResNet:
    try:
        return FaceResNet(read_resnet(FACE_RESNET.read())).eval().requires_grad_(False)
    except WeightsFileError as error:
        raise ModelFileError(f"{FACE_RESNET.name}: {error}") from error


def _stacked(chips: Sequence[Pixels]) -> Tensor:
    return torch.from_numpy(np.stack([resized(chip, CHIP_SIZE, CHIP_SIZE) for chip in chips]))
