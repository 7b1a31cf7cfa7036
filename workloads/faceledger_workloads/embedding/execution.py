"""Decides how the network is executed on this machine, and says so where it is not what the run asked for.

In: the wish (`Encoder`), the device, what the machine can do. Out: an `Execution` and remarks for the log. Invariant:
the decision depends on nothing else, so equal machines compute equal bytes; a wish that cannot be had never ends a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch

from faceledger_workloads.runspec import Encoder

__all__ = ["Execution", "Machine", "choose_execution", "this_machine"]


class Execution(StrEnum):
    """A way to run the network."""

    FUSED = "Fused"
    """oneDNN does a convolution and what follows it in one pass: as fast as compiled code, without its start-up."""
    COMPILED = "Compiled"
    """torch.compile; whoever tries it and finds no working compiler goes on with `EAGER`."""
    EAGER = "Eager"
    """torch's operators one after the other."""


@dataclass(frozen=True)
class Machine:
    """What decides on a CPU."""

    onednn: bool
    """torch was built with oneDNN."""
    onednn_bfloat16: bool
    """oneDNN computes in bfloat16 here (AVX-512BW or better)."""
    native_bfloat16: bool
    """The CPU itself multiplies bfloat16 (AVX512-BF16, AMX, or Arm's BF16): without, Float32 is the faster one."""


def choose_execution(encoder: Encoder, device: str, machine: Machine) -> tuple[Execution, tuple[str, ...]]:
    """The execution, and what the log should say of it."""
    if device != "cpu":
        return (Execution.COMPILED if encoder.compile else Execution.EAGER), ()
    remarks = []
    half = encoder.precision == "BFloat16"
    if half and not machine.native_bfloat16:
        remarks.append("encoder.precision BFloat16: this CPU has no bfloat16 arithmetic; Float32 is faster on it")
    if machine.onednn and (machine.onednn_bfloat16 or not half):
        if encoder.compile:
            remarks.append("encoder.compile: nothing is compiled, for fused operators are as fast on a CPU")
        return Execution.FUSED, tuple(remarks)
    remarks.append("this CPU or this build of torch has no fused operators; the network runs operator by operator")
    return (Execution.COMPILED if encoder.compile else Execution.EAGER), tuple(remarks)


def this_machine() -> Machine:
    """As torch sees it."""
    can = torch.cpu.get_capabilities()
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return Machine(
        onednn=onednn,
        onednn_bfloat16=onednn and torch.ops.mkldnn._is_mkldnn_bf16_supported(),
        native_bfloat16=any(can.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")),
    )
