"""One look at the chain: everything that a pass decides on, read before anything is decided.

In: a connection, the journal, the finality rule. Out: a `ChainView`. Invariant: a `place` is reported only for a
transaction that succeeded, whose block is the canonical one of its number, and, for a batch, whose log was read back
and says what the journal says. The head is read first, so nothing is thought to be deeper than it is.
"""

from __future__ import annotations

import asyncio

from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.evidence import BatchCommitted

from ..api.ledgerbinding import Finality
from .chain import Block, TransactionReceipt
from .connection import Connection, RevertedError
from .contract import Revert, commit_topics, read_commit
from .journal import Authorisation, Batch, Deployment, Intent, Journal, Place
from .ledger import ChainReplacedError
from .moves import ChainView, Seen
from .transactions import call_of

__all__ = ["confirm_anchor", "final_block", "observe_chain"]

SEARCH_BLOCKS = 2_000
"""Blocks of one search for logs: public endpoints refuse wider ones."""

SEARCHES = 50
"""Searches at most, back from the head, for a batch that another transaction than ours committed."""


async def observe_chain(
    connection: Connection, journal: Journal, signer: str, finality: Finality, reserved: frozenset[int]
) -> ChainView:
    """Looks at the head, the account, the market, and each intent of the journal."""
    head = await connection.head()
    final, _, market, account, seen = await asyncio.gather(
        final_block(connection, finality, head),
        confirm_anchor(connection, journal.anchor),
        connection.market(head),
        asyncio.gather(connection.nonce(signer), connection.nonce(signer, "pending"), connection.balance(signer)),
        asyncio.gather(*(_look(connection, intent, signer, head) for intent in journal.intents())),
    )
    nonce, pending_nonce, balance = account
    by_key = {intent.key: one for intent, one in zip(journal.intents(), seen, strict=True)}
    return ChainView(head, final.number if final else -1, nonce, pending_nonce, reserved, market, balance, by_key)


async def final_block(connection: Connection, finality: Finality, head: Block) -> Block | None:
    """The newest final block; None where the node does not know the tag, or where no block is final yet."""
    if finality.mode == "Tag":
        return await connection.block(finality.tag)
    return await connection.block(max(0, head.number - (finality.confirmations or 0)))


async def confirm_anchor(connection: Connection, anchor: Place | None) -> None:
    """Raises ChainReplacedError unless the block that was final last is part of the node's chain."""
    if anchor is None:
        return
    block = await connection.block(anchor.block_number)
    if block is None or block.hash != anchor.block_hash:
        now = "has no such block" if block is None else f"has {block.hash}"
        was = f"block {anchor.block_number} was final as {anchor.block_hash}"
        raise ChainReplacedError(f"network.rpc: {was}, and {connection.shown} {now}")


async def _look(connection: Connection, intent: Intent, signer: str, head: Block) -> Seen:
    match intent:
        case Batch():
            return await _look_batch(connection, intent, signer, head)
        case Authorisation():
            return await _look_authorisation(connection, intent, signer)
        case Deployment():
            return await _look_deployment(connection, intent, signer)
        case _:
            raise TypeError(f"{type(intent).__name__} cannot be looked up")


async def _look_batch(connection: Connection, batch: Batch, signer: str, head: Block) -> Seen:
    root, window = await asyncio.gather(
        connection.view(batch.contract, "committedRoot", from_hex(batch.id, 32)),
        connection.view(batch.contract, "runKeyWindow", batch.run_key),
    )
    if not any(root[0]):
        return await _look_unfinished(connection, batch, signer, closes=window[1])
    if to_hex(root[0]) != batch.root:
        return Seen(revert=Revert("BatchAlreadyCommitted", (from_hex(batch.id, 32), root[0])))
    receipt = await _own_receipt(connection, batch)
    if receipt is None or not receipt.succeeded:
        receipt = await _search_commit(connection, batch, head)
    event = read_commit(receipt.logs, batch.contract, from_hex(batch.id, 32)) if receipt else None
    if receipt is None or event != _expected(batch) or not await _is_canonical(connection, receipt):
        return Seen(effective=True)
    return Seen(effective=True, place=_place(receipt), cost=receipt.cost)


async def _look_authorisation(connection: Connection, intent: Authorisation, signer: str) -> Seen:
    # Its own transaction counts even where the key was revoked since.
    placed = await _look_placed(connection, intent)
    if placed.place is not None:
        return placed
    window = await connection.view(intent.contract, "runKeyWindow", intent.run_key)
    return placed if window[1] >= intent.valid_until else await _look_unfinished(connection, intent, signer)


async def _look_deployment(connection: Connection, intent: Deployment, signer: str) -> Seen:
    if intent.address is None or not await connection.code(intent.address):
        return await _look_unfinished(connection, intent, signer)
    return await _look_placed(connection, intent)


async def _look_placed(connection: Connection, intent: Intent) -> Seen:
    """Of an intent that has its effect: where its own transaction is."""
    receipt = await _own_receipt(connection, intent)
    if receipt is None or not receipt.succeeded or not await _is_canonical(connection, receipt):
        return Seen(effective=True)
    return Seen(effective=True, place=_place(receipt), cost=receipt.cost)


async def _look_unfinished(connection: Connection, intent: Intent, signer: str, closes: int = 0) -> Seen:
    """Of an intent whose effect is not there: whether its transaction failed, or what sending it would take."""
    if intent.sent:
        receipt = await _own_receipt(connection, intent)
        failed = receipt is not None and not receipt.succeeded
        return Seen(failed=failed, cost=receipt.cost if receipt and failed else 0, closes=closes)
    try:
        return Seen(gas=await connection.estimate({"from": signer, **call_of(intent)}), closes=closes)
    except RevertedError as error:
        return Seen(revert=error.revert, closes=closes)


async def _own_receipt(connection: Connection, intent: Intent) -> TransactionReceipt | None:
    """The receipt of whichever version of the intent's transaction is in a block."""
    for transaction in reversed(intent.sent.hashes if intent.sent else ()):
        receipt = await connection.receipt(transaction)
        if receipt is not None:
            return receipt
    return None


async def _search_commit(connection: Connection, batch: Batch, head: Block) -> TransactionReceipt | None:
    last = head.number
    for _ in range(SEARCHES):
        first = max(0, last - SEARCH_BLOCKS + 1)
        logs = await connection.logs(batch.contract, commit_topics(from_hex(batch.id, 32)), first, last)
        if logs:
            return await connection.receipt(logs[-1].transaction)
        if first == 0:
            return None
        last = first - 1
    return None


async def _is_canonical(connection: Connection, receipt: TransactionReceipt) -> bool:
    block = await connection.block(receipt.block_number)
    return block is not None and block.hash == receipt.block_hash


def _expected(batch: Batch) -> BatchCommitted:
    ids = from_hex(batch.id, 32), from_hex(batch.root, 32)
    return BatchCommitted(*ids, len(batch.attempts), batch.run_key)


def _place(receipt: TransactionReceipt) -> Place:
    return Place(transaction=receipt.transaction, block_number=receipt.block_number, block_hash=receipt.block_hash)
