"""What the texts of the clients in use mean."""

from __future__ import annotations

import pytest
from faceledger_operator.ledger.node_errors import Refusal, classify_refusal


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        pytest.param("already known", Refusal.ALREADY_KNOWN, id="geth"),
        pytest.param("Known transaction", Refusal.ALREADY_KNOWN, id="Besu"),
        pytest.param("AlreadyKnown", Refusal.ALREADY_KNOWN, id="Nethermind"),
        pytest.param("transaction already imported", Refusal.ALREADY_KNOWN, id="anvil"),
        pytest.param("nonce too low: next nonce 5, tx nonce 4", Refusal.NONCE_TOO_LOW, id="geth, used nonce"),
        pytest.param("OldNonce", Refusal.NONCE_TOO_LOW, id="Nethermind, used nonce"),
        pytest.param("Nonce too low", Refusal.NONCE_TOO_LOW, id="Besu, used nonce"),
        pytest.param("replacement transaction underpriced", Refusal.UNDERPRICED, id="geth, replacement"),
        pytest.param("ReplacementNotAllowed", Refusal.UNDERPRICED, id="Nethermind, replacement"),
        pytest.param("could not replace existing tx", Refusal.UNDERPRICED, id="Erigon, replacement"),
        pytest.param("Gas price below configured minimum gas price", Refusal.UNDERPRICED, id="Besu, minimum"),
        pytest.param("FeeTooLow, MaxFeePerGas too low", Refusal.UNDERPRICED, id="Nethermind, minimum"),
        pytest.param("max fee per gas less than block base fee", Refusal.UNDERPRICED, id="geth, base fee"),
        pytest.param("insufficient funds for gas * price + value", Refusal.INSUFFICIENT_FUNDS, id="geth, funds"),
        pytest.param("Upfront cost exceeds account balance", Refusal.INSUFFICIENT_FUNDS, id="Besu, funds"),
        pytest.param("the moon is full", Refusal.UNKNOWN, id="anything else"),
    ],
)
def test_a_refusal_reads(text: str, refusal: Refusal) -> None:
    assert classify_refusal(text) is refusal


def test_a_method_that_a_node_does_not_know_is_told_by_its_code() -> None:
    assert classify_refusal("the method does not exist", -32601) is Refusal.UNKNOWN_METHOD
    assert classify_refusal("already known", -32000) is Refusal.ALREADY_KNOWN
