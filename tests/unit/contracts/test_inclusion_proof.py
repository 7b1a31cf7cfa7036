"""A receipt that carries its block's header and proofs needs of the chain a block hash and the latest state alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from faceledger_contracts import rlp, trie
from faceledger_contracts.canonical import from_hex, keccak256, to_hex
from faceledger_contracts.evidence import BATCH_COMMITTED, Block
from faceledger_contracts.inclusion import Inclusion, InclusionError, proved_outcome
from faceledger_contracts.receipt import Receipt, encode_receipt
from faceledger_contracts.verify import Step, is_verified, verify_receipt, verify_receipts

NUMBER, TIME = 7, 1_700_000_100
PLACE = 1
"""The receipt's transaction is the second of three."""


def log_of(receipt: Receipt) -> list[rlp.Item]:
    topics = [BATCH_COMMITTED, from_hex(receipt.batch_id, 32), bytes(12) + from_hex(receipt.batch_run_key, 20)]
    return [from_hex(receipt.contract, 20), topics, from_hex(receipt.root, 32) + receipt.count.to_bytes(32, "big")]


def proved(receipt: Receipt, *, status: bytes = b"\x01", kind: bytes = b"\x02") -> Receipt:
    """`receipt` as version 2, in a block that holds its commit between two other transactions."""
    transactions = [kind + bytes([number]) * 120 for number in range(3)]
    receipts = [kind + rlp.encode([status, b"\x52\x08", bytes(256), [log_of(receipt)]]) for _ in range(3)]
    transactions_root, transaction_proof = trie.prove(transactions, PLACE)
    receipts_root, receipt_proof = trie.prove(receipts, PLACE)
    header = rlp.encode(
        [
            *(bytes([number]) * 32 for number in range(4)),
            transactions_root,
            receipts_root,
            bytes(256),
            b"",
            bytes([NUMBER]),
            b"\x01",
            b"\x01",
            rlp.number_bytes(TIME),
            b"",
            bytes(32),
            bytes(8),
        ]
    )
    place = {
        "hash": to_hex(keccak256(transactions[PLACE])),
        "block_hash": to_hex(keccak256(header)),
        "block_number": NUMBER,
    }
    inclusion = Inclusion(
        header=to_hex(header),
        index=PLACE,
        transaction_proof=tuple(map(to_hex, transaction_proof)),
        receipt_proof=tuple(map(to_hex, receipt_proof)),
    )
    transaction = receipt.transaction.model_copy(update=place)
    return receipt.model_copy(update={"version": 2, "transaction": transaction, "inclusion": inclusion})


def chain_of(receipt: Receipt, chain: Any) -> Any:
    """A node that knows the block but no transaction any more."""
    block = Block(NUMBER, from_hex(receipt.transaction.block_hash, 32), TIME)
    return replace(chain, blocks={NUMBER: block}, outcomes={})


def failed(steps: list[Step]) -> list[str]:
    return [step.name for step in steps if not step.ok]


@pytest.mark.parametrize("kind", [b"", b"\x02"], ids=["legacy", "typed"])
def test_a_node_that_forgot_the_transaction_suffices(receipt: Receipt, chain: Any, kind: bytes) -> None:
    given = proved(receipt, kind=kind)
    steps = verify_receipt(encode_receipt(given), chain_of(given, chain))
    assert failed(steps) == []
    assert "inclusion" in [step.name for step in steps]


def test_every_flipped_byte_is_detected(receipt: Receipt, chain: Any) -> None:
    given = proved(receipt)
    data = encode_receipt(given)
    flipped = (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data)))
    answers = verify_receipts(flipped, chain_of(given, chain))
    assert [at for at, steps in enumerate(answers) if is_verified(steps)] == []


def test_a_block_of_another_hash_is_refused(receipt: Receipt, chain: Any) -> None:
    given = proved(receipt)
    elsewhere = replace(chain, blocks={NUMBER: Block(NUMBER, bytes(32), TIME)}, outcomes={})
    assert failed(verify_receipt(given, elsewhere)) == ["canonical block"]


def test_a_transaction_that_failed_is_refused(receipt: Receipt, chain: Any) -> None:
    given = proved(receipt, status=b"")
    assert failed(verify_receipt(given, chain_of(given, chain))) == ["transaction"]


def test_a_commit_of_another_batch_is_refused(receipt: Receipt, chain: Any) -> None:
    given = proved(receipt.model_copy(update={"count": 6})).model_copy(update={"count": receipt.count})
    assert failed(verify_receipt(given, chain_of(given, chain))) == ["transaction"]


def test_another_contracts_log_is_no_commit(receipt: Receipt) -> None:
    given = proved(receipt)
    assert given.inclusion is not None
    place = given.transaction
    words = from_hex(place.block_hash, 32), from_hex(place.hash, 32)
    assert len(proved_outcome(given.inclusion, *words, receipt.contract).commits) == 1
    assert proved_outcome(given.inclusion, *words, "0x" + "00" * 20).commits == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"index": 0}, "inclusion", id="another place"),
        pytest.param({"header": "0xc0"}, "inclusion.header", id="another header"),
        pytest.param({"transaction_proof": ()}, "inclusion", id="no proof of the transaction"),
        pytest.param({"receipt_proof": ()}, "inclusion", id="no proof of the receipt"),
    ],
)
def test_what_does_not_fit_together_is_named(receipt: Receipt, chain: Any, change: dict[str, Any], reason: str) -> None:
    given = proved(receipt)
    assert given.inclusion is not None
    changed = given.model_copy(update={"inclusion": given.inclusion.model_copy(update=change)})
    steps = verify_receipt(changed, chain_of(given, chain))
    assert failed(steps) == ["inclusion", "transaction", "canonical block", "finality"]
    assert next(step.detail for step in steps if not step.ok).startswith(reason)


@pytest.mark.parametrize("header", [b"\x80", b"\xc0", rlp.encode([b""] * 15)], ids=["no list", "empty", "no roots"])
def test_a_header_that_is_none_is_refused_though_its_hash_is_right(header: bytes) -> None:
    inclusion = Inclusion(header=to_hex(header), index=0, transaction_proof=("0x80",), receipt_proof=("0x80",))
    with pytest.raises(InclusionError):
        proved_outcome(inclusion, keccak256(header), bytes(32), "0x" + "00" * 20)
