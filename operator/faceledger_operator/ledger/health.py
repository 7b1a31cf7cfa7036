"""Everything that a LedgerBinding needs to be Ready, looked at in the order in which one thing needs the other.

In: the binding, its Secrets, the node, Kubo. Out: one frozen `Health`; a fact that could not be asked for is None.
Invariant: it decides nothing, and no fact holds a secret: problems are told with the field's name and the host alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Literal

from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.canonical import keccak256, to_hex
from faceledger_contracts.content import ContentUnavailable

from ..api.ledgerbinding import LedgerBinding
from .chain import Block
from .connection import Connection
from .content import ContentNodes, check_content
from .journal import Deployment, Place
from .ledger import ChainContradictedError, ChainReplacedError, LedgerRefusedError, LedgerUnavailableError
from .moves import Trouble
from .nodes import Nodes
from .observe import confirm_anchor, final_block

__all__ = ["COMMIT_GAS", "DEPLOY_GAS", "Code", "Health", "observe_chain_health", "observe_content"]

COMMIT_GAS = 120_000
"""Gas of one commit with room to spare: a signer that cannot pay it cannot work."""

DEPLOY_GAS = 2_000_000
"""Gas of a deployment with room to spare."""

Code = Literal["None", "Ours", "Other"]


@dataclass(frozen=True)
class Health:
    """What is known of a binding. Texts (`..._problem`) are None where all is well or nothing was asked."""

    paused: bool = False
    secret_problem: str | None = None
    rpc_problem: str | None = None
    chain_id: int | None = None
    chain_replaced: str | None = None
    chain_contradicted: str | None = None
    nodes_answering: int = 1
    nodes: int = 1
    signer_problem: str | None = None
    signer_away: str | None = None
    signer: str | None = None
    finality_known: bool = True
    final: Block | None = None
    balance: int | None = None
    needed: int = 0
    contract: str | None = None
    code: Code | None = None
    may_commit: bool | None = None
    deployment: Deployment | None = None
    has_records: bool = False
    content_problem: str | None = None
    content_nodes: tuple[str | None, ...] = ()
    receipts_problem: str | None = None
    trouble: Trouble | None = None


async def observe_chain_health(health: Health, nodes: Nodes, binding: LedgerBinding, anchor: Place | None) -> Health:
    """Adds what the nodes say: chain id, finality, the signer's balance, the contract's code and roles."""
    try:
        told = await nodes.ask(lambda connection: _observe_chain(health, connection, binding, anchor))
        if told.chain_id == binding.spec.network.chain_id:
            await nodes.confirm_chain(told.chain_id)
        if told.final is not None:
            await nodes.confirm_block(told.final.number, told.final.hash)
    except ChainReplacedError as error:
        return replace(health, chain_id=binding.spec.network.chain_id, chain_replaced=str(error))
    except ChainContradictedError as error:
        return replace(told, chain_contradicted=str(error))
    except LedgerUnavailableError as error:
        return replace(health, rpc_problem=str(error))
    return replace(told, nodes_answering=nodes.answering(), nodes=len(nodes.all))


async def _observe_chain(
    health: Health, connection: Connection, binding: LedgerBinding, anchor: Place | None
) -> Health:
    health = replace(health, chain_id=await connection.chain_id())
    if health.chain_id != binding.spec.network.chain_id:
        return health
    head = await connection.head()
    await confirm_anchor(connection, anchor)
    if health.signer is None:
        return health
    final, health = await asyncio.gather(
        final_block(connection, binding.spec.network.finality, head), _observe_account(health, connection, head)
    )
    health = replace(health, finality_known=final is not None, final=final)
    return await _observe_contract(health, connection)


async def observe_content(health: Health, nodes: ContentNodes) -> Health:
    """Adds whether enough of the IPFS nodes answer."""
    try:
        return replace(health, content_nodes=await check_content(nodes))
    except ContentUnavailable as error:
        return replace(health, content_problem=str(error))


async def _observe_account(health: Health, connection: Connection, head: Block) -> Health:
    assert health.signer is not None
    balance, market = await asyncio.gather(connection.balance(health.signer), connection.market(head))
    price = market.gas_price if market.base_fee is None else market.base_fee
    gas = COMMIT_GAS if health.contract else DEPLOY_GAS
    return replace(health, balance=balance, needed=gas * price)


async def _observe_contract(health: Health, connection: Connection) -> Health:
    if health.contract is None:
        return health
    code = await connection.code(health.contract)
    if not code:
        return replace(health, code="None")
    if to_hex(keccak256(code)) != faceledger_artefact().code_hash:
        return replace(health, code="Other")
    try:
        roles = await asyncio.gather(
            connection.view(health.contract, "isCommitter", health.signer),
            connection.view(health.contract, "isRegistrar", health.signer),
        )
    except LedgerRefusedError:
        return replace(health, code="Other")
    return replace(health, code="Ours", may_commit=all(answer[0] for answer in roles))
