"""The compiled contract as it is committed: ABI, creation code, and the hash of the code that must run on chain.

In: artifacts/FaceLedger.json, which a fresh build must reproduce byte for byte. Out: one frozen artefact. Invariant:
the contract has no immutables and no metadata trailer, so every deployment runs the same code.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict

from faceledger_contracts.canonical import keccak256, to_hex

__all__ = ["ContractArtefact", "faceledger_artefact"]


class ContractArtefact(BaseModel):
    """What a Solidity build gives: `bytecode` creates the contract, `deployed_bytecode` is what then runs (0x hex)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    abi: list[dict[str, Any]]
    bytecode: str
    deployed_bytecode: str
    code_hash: str
    compiler: dict[str, Any]


@cache
def faceledger_artefact() -> ContractArtefact:
    """The committed build of FaceLedger.sol."""
    text = resources.files(__package__).joinpath("artifacts", "FaceLedger.json").read_text(encoding="utf-8")
    artefact = ContractArtefact.model_validate_json(text)
    assert artefact.code_hash == to_hex(keccak256(bytes.fromhex(artefact.deployed_bytecode[2:])))
    return artefact
