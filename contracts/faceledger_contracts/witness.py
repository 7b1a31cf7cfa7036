"""Makes the proof of inclusion from what any node answers over JSON-RPC: a block, and the receipts of its transactions.

In: the JSON of `eth_getBlockByHash` (whole transactions) and of the block's receipts, unchanged. Out: an `Inclusion`,
or None where the block's hash is made otherwise (Besu's QBFT leaves the seals out) or where it holds a transaction of a
kind that no EIP below defines. Invariant: what comes out hashes to the block's hash and roots, which is checked; what
is said to be in a block and is not is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from faceledger_contracts import rlp, trie
from faceledger_contracts.canonical import keccak256, to_hex
from faceledger_contracts.inclusion import Inclusion

__all__ = ["WitnessError", "prove_inclusion"]

Json = Mapping[str, Any]


class WitnessError(ValueError):
    """The transactions or receipts that a node shows for a block are not those of its header."""


def prove_inclusion(block: Json, receipts: Sequence[Json], index: int) -> Inclusion | None:
    """The proof for transaction `index` of `block`, whose receipts are `receipts`, in their order. WitnessError."""
    header = rlp.encode([_FORMS[form](block[name]) for name, form in _HEADER if block.get(name) is not None])
    transactions = [_transaction(transaction) for transaction in block["transactions"]]
    if keccak256(header) != _data(block["hash"]) or None in transactions:
        return None
    if len(receipts) != len(transactions):
        raise WitnessError(f"{len(receipts)} receipts are shown for its {len(transactions)} transactions")
    transactions_root, transaction_proof = trie.prove([raw for raw in transactions if raw is not None], index)
    receipts_root, receipt_proof = trie.prove([_receipt(receipt) for receipt in receipts], index)
    if transactions_root != _data(block["transactionsRoot"]):
        raise WitnessError("the transactions that are shown are not those of its header")
    if receipts_root != _data(block["receiptsRoot"]):
        raise WitnessError("the receipts that are shown are not those of its header")
    return Inclusion(
        header=to_hex(header),
        index=index,
        transaction_proof=tuple(map(to_hex, transaction_proof)),
        receipt_proof=tuple(map(to_hex, receipt_proof)),
    )


def _transaction(transaction: Json) -> bytes | None:
    kind = _number(transaction.get("type") or "0x0")
    if kind not in _TRANSACTIONS:
        return None
    filled = {"yParity": transaction.get("v"), **transaction}
    return _typed(kind, [_FORMS[form](filled[name]) for name, form in _TRANSACTIONS[kind]])


def _receipt(receipt: Json) -> bytes:
    logs = [[_data(log["address"]), _data_list(log["topics"]), _data(log["data"])] for log in receipt["logs"]]
    fields = [_quantity(receipt["status"]), _quantity(receipt["cumulativeGasUsed"]), _data(receipt["logsBloom"]), logs]
    return _typed(_number(receipt.get("type") or "0x0"), fields)


def _typed(kind: int, fields: list[Any]) -> bytes:
    return rlp.encode(fields) if kind == 0 else bytes([kind]) + rlp.encode(fields)


def _number(text: str) -> int:
    return int(text, 16)


def _quantity(text: str) -> bytes:
    return rlp.number_bytes(_number(text))


def _data(text: str | None) -> bytes:
    return bytes.fromhex((text or "0x")[2:])


def _data_list(texts: Sequence[str]) -> list[bytes]:
    return [_data(text) for text in texts]


def _access_list(entries: Sequence[Json]) -> list[Any]:
    return [[_data(entry["address"]), _data_list(entry["storageKeys"])] for entry in entries]


def _authorisations(entries: Sequence[Json]) -> list[Any]:
    numbers = ("nonce", "yParity", "r", "s")
    return [
        [_quantity(entry["chainId"]), _data(entry["address"]), *(_quantity(entry[name]) for name in numbers)]
        for entry in entries
    ]


_FORMS: dict[str, Callable[[Any], Any]] = {
    "data": _data,
    "quantity": _quantity,
    "data list": _data_list,
    "access list": _access_list,
    "authorisations": _authorisations,
}


def _fields(names: str) -> tuple[tuple[str, str], ...]:
    """(name, form) of each name; those that are not listed here are quantities."""
    forms = {
        "accessList": "access list",
        "authorizationList": "authorisations",
        "blobVersionedHashes": "data list",
        **dict.fromkeys(("to", "input"), "data"),
    }
    return tuple((name, forms.get(name, "quantity")) for name in names.split())


_TRANSACTIONS = {
    0: _fields("nonce gasPrice gas to value input v r s"),
    1: _fields("chainId nonce gasPrice gas to value input accessList yParity r s"),
    2: _fields("chainId nonce maxPriorityFeePerGas maxFeePerGas gas to value input accessList yParity r s"),
    3: _fields(
        "chainId nonce maxPriorityFeePerGas maxFeePerGas gas to value input accessList"
        " maxFeePerBlobGas blobVersionedHashes yParity r s"
    ),
    4: _fields(
        "chainId nonce maxPriorityFeePerGas maxFeePerGas gas to value input accessList authorizationList yParity r s"
    ),
}
"""EIP-155, EIP-2930, EIP-1559, EIP-4844, EIP-7702."""

_HEADER = (
    *((name, "data") for name in ("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot")),
    *((name, "data") for name in ("receiptsRoot", "logsBloom")),
    *((name, "quantity") for name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")),
    *((name, "data") for name in ("extraData", "mixHash", "nonce")),
    ("baseFeePerGas", "quantity"),
    ("withdrawalsRoot", "data"),
    ("blobGasUsed", "quantity"),
    ("excessBlobGas", "quantity"),
    ("parentBeaconBlockRoot", "data"),
    ("requestsHash", "data"),
)
"""The header's fields in their order; each fork added some at the end, so the absent ones are the last."""
