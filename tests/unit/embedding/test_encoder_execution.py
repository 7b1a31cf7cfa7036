"""How the network is executed: a function of the wish and the machine, with a remark where the two disagree."""

from __future__ import annotations

import pytest
from faceledger_workloads.embedding.execution import Execution, Machine, choose_execution, this_machine
from faceledger_workloads.runspec import Encoder

MODERN = Machine(onednn=True, onednn_bfloat16=True, native_bfloat16=True)
EMULATING = Machine(onednn=True, onednn_bfloat16=True, native_bfloat16=False)
OLD = Machine(onednn=True, onednn_bfloat16=False, native_bfloat16=False)
BARE = Machine(onednn=False, onednn_bfloat16=False, native_bfloat16=False)

SLOW, UNFUSED, NOT_COMPILED = "Float32 is faster", "no fused operators", "nothing is compiled"


@pytest.mark.parametrize(
    ("encoder", "device", "machine", "execution", "remarks"),
    [
        pytest.param({}, "cpu", MODERN, Execution.FUSED, [], id="float32 is fused"),
        pytest.param({"precision": "BFloat16"}, "cpu", MODERN, Execution.FUSED, [], id="bfloat16 is fused"),
        pytest.param({"precision": "BFloat16"}, "cpu", EMULATING, Execution.FUSED, [SLOW], id="emulated bfloat16"),
        pytest.param({"precision": "BFloat16"}, "cpu", OLD, Execution.EAGER, [SLOW, UNFUSED], id="slow bfloat16"),
        pytest.param({}, "cpu", OLD, Execution.FUSED, [], id="float32 is fused on an old CPU"),
        pytest.param({}, "cpu", BARE, Execution.EAGER, [UNFUSED], id="without oneDNN nothing is fused"),
        pytest.param({"compile": True}, "cpu", MODERN, Execution.FUSED, [NOT_COMPILED], id="compiling gains nothing"),
        pytest.param({"compile": True}, "cpu", BARE, Execution.COMPILED, [UNFUSED], id="compiling instead of fusing"),
        pytest.param({}, "cuda", MODERN, Execution.EAGER, [], id="a GPU"),
        pytest.param({"compile": True}, "cuda", BARE, Execution.COMPILED, [], id="compiled for a GPU"),
        pytest.param({"precision": "BFloat16"}, "cuda", OLD, Execution.EAGER, [], id="bfloat16 is the GPU's affair"),
    ],
)
def test_the_wish_is_met_where_the_machine_can(
    encoder: dict[str, object], device: str, machine: Machine, execution: Execution, remarks: list[str]
) -> None:
    chosen, said = choose_execution(Encoder.model_validate(encoder), device, machine)
    assert chosen is execution
    assert len(said) == len(remarks)
    assert all(words in remark for words, remark in zip(remarks, said, strict=True))


def test_this_machine_is_described_consistently() -> None:
    machine = this_machine()
    assert machine.onednn or not machine.onednn_bfloat16
