"""The committed artefact is one contract, whole and the same everywhere."""

from __future__ import annotations

from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.canonical import keccak256, to_hex
from faceledger_contracts.evidence import BATCH_COMMITTED


def signature(entry: dict[str, object]) -> str:
    inputs = entry["inputs"]
    assert isinstance(inputs, list)
    return f"{entry['name']}({','.join(item['type'] for item in inputs)})"


def test_the_code_hash_is_that_of_the_deployed_code() -> None:
    artefact = faceledger_artefact()
    assert artefact.code_hash == to_hex(keccak256(bytes.fromhex(artefact.deployed_bytecode[2:])))


def test_the_creation_code_carries_the_deployed_code() -> None:
    artefact = faceledger_artefact()
    assert artefact.deployed_bytecode[2:] in artefact.bytecode


def test_the_event_that_verification_reads_is_the_contracts() -> None:
    events = {signature(entry) for entry in faceledger_artefact().abi if entry["type"] == "event"}
    assert BATCH_COMMITTED in {keccak256(event.encode()) for event in events}


def test_it_is_compiled_for_the_networks_of_consortia() -> None:
    assert faceledger_artefact().compiler["evmVersion"] == "paris"
    assert faceledger_artefact().compiler["metadata"] == {"bytecodeHash": "none", "appendCBOR": False}
