"""From an intent to the transaction that brings it about.

In: an intent of the journal. Out: recipient and data; signed, the bytes that are journalled and broadcast. Invariant:
the same intent, nonce, gas and fees give the same transaction.
"""

from __future__ import annotations

from typing import Any

from faceledger_contracts.canonical import from_hex

from .contract import creation_data, encode_call
from .journal import Authorisation, Batch, Deployment, Intent, Sent
from .moves import Send
from .signer import Signer, sign_transaction

__all__ = ["call_of", "sign_move"]


def call_of(intent: Intent) -> dict[str, Any]:
    """The fields `to` (none for a deployment) and `data`."""
    match intent:
        case Deployment():
            return {"data": creation_data(intent.signer, intent.signer)}
        case Authorisation():
            data = encode_call("authoriseRunKey", intent.run_key, intent.valid_until)
            return {"to": intent.contract, "data": data}
        case Batch():
            ids = from_hex(intent.id, 32), from_hex(intent.root, 32)
            signature = from_hex(intent.signature, 65)
            data = encode_call("commitBatch", *ids, len(intent.attempts), intent.run_key, signature)
            return {"to": intent.contract, "data": data}
        case _:
            raise TypeError(f"{type(intent).__name__} has no transaction")


async def sign_move(move: Send, signer: Signer, chain_id: int, block: int, now: int) -> Sent:
    """Signs the transaction of a move. A replacement remembers the hashes of all before it: any may be included."""
    signed = await sign_transaction(
        signer,
        {
            "chainId": chain_id,
            "nonce": move.nonce,
            "gas": move.gas,
            "value": 0,
            **move.fees.fields(),
            **call_of(move.intent),
        },
    )
    before = move.intent.sent.hashes if move.intent.sent else ()
    hashes = (*(known for known in before if known != signed.hash), signed.hash)
    return Sent(nonce=move.nonce, raw=signed.raw, hashes=hashes, gas=move.gas, fees=move.fees, block=block, at=now)
