"""The contract's calls, answers, errors and events as bytes, from the committed ABI. No connection.

In: arguments. Out: call data for a transaction; and back: return values, custom errors by name, the event that proves
a commit. Invariant: names and types come from the ABI alone, so a changed contract fails here and not on the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.canonical import keccak256, to_hex
from faceledger_contracts.evidence import BATCH_COMMITTED, BatchCommitted, decode_batch_committed
from faceledger_contracts.values import Address

from .chain import Log

__all__ = [
    "Revert",
    "commit_topics",
    "creation_data",
    "decode_answer",
    "decode_revert",
    "encode_call",
    "read_commit",
]


@dataclass(frozen=True)
class Revert:
    """Why the contract refuses a call: the custom error's name (empty if it gave none) and its arguments."""

    name: str
    arguments: tuple[Any, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(to_hex(x) if isinstance(x, bytes) else str(x) for x in self.arguments)
        return f"{self.name}({shown})" if self.name else "reverted without a reason"


def creation_data(owner: Address, operator: Address) -> str:
    """What a deployment sends: the creation code and the constructor's arguments."""
    return faceledger_artefact().bytecode + encode(["address", "address"], [owner, operator]).hex()


def encode_call(function: str, *arguments: Any) -> str:
    """Call data of a function, by name."""
    entry = _entries("function")[function]
    return to_hex(keccak256(_signature(entry).encode())[:4] + encode(_types(entry["inputs"]), arguments))


def decode_answer(function: str, data: bytes) -> tuple[Any, ...]:
    """What a view function returned."""
    return tuple(decode(_types(_entries("function")[function]["outputs"]), data))


def decode_revert(data: bytes) -> Revert:
    """The custom error in a revert's data; without a name for what is none of the contract's."""
    entry = _errors().get(data[:4])
    if entry is None:
        return Revert("")
    return Revert(entry["name"], tuple(decode(_types(entry["inputs"]), data[4:])))


def read_commit(logs: Sequence[Log], contract: str, batch_id: bytes) -> BatchCommitted | None:
    """The event by which `contract` committed the batch, if it is among these logs."""
    events = (decode_batch_committed(log.topics, log.data) for log in logs if log.address == contract)
    return next((event for event in events if event and event.batch_id == batch_id), None)


def commit_topics(batch_id: bytes) -> tuple[bytes, ...]:
    """The first two topics of the log that commits this batch."""
    return BATCH_COMMITTED, batch_id


@cache
def _entries(kind: str) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in faceledger_artefact().abi if entry["type"] == kind}


@cache
def _errors() -> dict[bytes, dict[str, Any]]:
    return {keccak256(_signature(entry).encode())[:4]: entry for entry in _entries("error").values()}


def _signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(_types(entry['inputs']))})"


def _types(parameters: Sequence[dict[str, Any]]) -> list[str]:
    return [parameter["type"] for parameter in parameters]
