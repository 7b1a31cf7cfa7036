"""What a LedgerBinding's condition is, given what is known of it. Pure.

In: `Health`, the spec. Out: a `Verdict`: the reason of the first check that fails, a message that names the field and
what mends it, and what follows for the ledger. Invariant: the checks stand in the order in which one needs the other,
so the message speaks of the cause and not of its effects; a message changes only when something has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from faceledger_contracts.abi import faceledger_artefact

from ..api.conditions import BindingReason, Claim, ConditionType
from ..api.ledgerbinding import LedgerBindingSpec
from ..ledger.health import Health
from ..ledger.signers import signer_field

__all__ = ["Verdict", "decide_binding", "decide_unreadable"]

Check = Callable[[Health, LedgerBindingSpec], str | None]

_PASSING = {BindingReason.DEPLOYING, BindingReason.BUDGET_SPENT, BindingReason.FEE_ABOVE_CAP}
"""Reasons that time mends; with all others something or somebody else must act first."""

_USABLE = {
    BindingReason.READY,
    BindingReason.RPC_UNREACHABLE,
    BindingReason.CONTENT_UNREACHABLE,
    BindingReason.RECEIPTS_UNREACHABLE,
    BindingReason.SIGNER_UNREACHABLE,
    BindingReason.SIGNER_UNFUNDED,
    BindingReason.BUDGET_SPENT,
    BindingReason.FEE_ABOVE_CAP,
}
"""With these, records are accepted into the journal and wait there."""

_COMMITTING = {
    BindingReason.READY,
    BindingReason.DEPLOYING,
    BindingReason.CONTENT_UNREACHABLE,
    BindingReason.RECEIPTS_UNREACHABLE,
    BindingReason.SIGNER_UNFUNDED,
    BindingReason.NOT_COMMITTER,
}
"""With these, chain, contract and signer are the right ones: what is on its way is followed."""


@dataclass(frozen=True)
class Verdict:
    """`usable`: the ledger takes records. `commits`: a pass may run. `deploys`: a deployment may be started."""

    reason: BindingReason
    message: str
    usable: bool
    commits: bool
    deploys: bool = False

    def claims(self) -> list[Claim]:
        """The conditions that hold: Ready, and Reconciling or Stalled while it is not."""
        ready = self.reason is BindingReason.READY
        claims = [Claim(ConditionType.READY, "True" if ready else "False", self.reason, self.message)]
        if not ready and self.reason is not BindingReason.PAUSED:
            second = ConditionType.RECONCILING if self.reason in _PASSING else ConditionType.STALLED
            claims.append(Claim(second, "True", self.reason, self.message))
        return claims

    @property
    def severity(self) -> Literal["Normal", "Warning"]:
        """Of the event that tells of this verdict."""
        calm = (BindingReason.READY, BindingReason.DEPLOYING, BindingReason.PAUSED)
        return "Normal" if self.reason in calm else "Warning"

    def code_hash(self, health: Health) -> str | None:
        """The hash of the contract's code, once it was found to be ours."""
        return faceledger_artefact().code_hash if health.code == "Ours" else None


def decide_binding(health: Health, spec: LedgerBindingSpec) -> Verdict:
    """The verdict over a binding."""
    for reason, check in _CHECKS:
        message = check(health, spec)
        if message is not None:
            return _verdict(reason, message, health)
    if health.trouble is not None:
        reason = health.trouble.reason
        return Verdict(reason, health.trouble.message, usable=True, commits=True)
    some_rest = health.nodes_answering < health.nodes
    nodes = f"; {health.nodes_answering} of {health.nodes} RPC endpoints answer" if some_rest else ""
    return _verdict(BindingReason.READY, f"Chain {health.chain_id}, contract {health.contract}{nodes}", health)


def decide_unreadable(message: str) -> Verdict:
    """The verdict over a binding of which nothing is known but that it cannot be read."""
    return Verdict(BindingReason.UNREADABLE, message, usable=False, commits=False)


def _verdict(reason: BindingReason, message: str, health: Health) -> Verdict:
    deploys = reason is BindingReason.DEPLOYING and (health.deployment is None or health.deployment.final)
    return Verdict(reason, message, reason in _USABLE, reason in _COMMITTING, deploys)


def _paused(health: Health, _: LedgerBindingSpec) -> str | None:
    return "The annotation faceledger.dev/reconcile: disabled is set; remove it to go on" if health.paused else None


def _secret_missing(health: Health, _: LedgerBindingSpec) -> str | None:
    return health.secret_problem


def _rpc_unreachable(health: Health, _: LedgerBindingSpec) -> str | None:
    return f"network.rpc.urlSecretRef: {health.rpc_problem}" if health.rpc_problem else None


def _chain_id_differs(health: Health, spec: LedgerBindingSpec) -> str | None:
    wanted = spec.network.chain_id
    if health.chain_id in (None, wanted):
        return None
    return (
        f"network.chainId: {wanted} is asked for, but the node is on chain {health.chain_id}; nothing is signed for it"
    )


def _signer_invalid(health: Health, spec: LedgerBindingSpec) -> str | None:
    return f"{signer_field(spec.signer)}: {health.signer_problem}" if health.signer_problem else None


def _signer_unreachable(health: Health, spec: LedgerBindingSpec) -> str | None:
    return f"{signer_field(spec.signer)}: {health.signer_away}" if health.signer_away else None


def _chain_replaced(health: Health, _: LedgerBindingSpec) -> str | None:
    return health.chain_replaced


def _chain_contradicted(health: Health, _: LedgerBindingSpec) -> str | None:
    return health.chain_contradicted


def _finality_unknown(health: Health, spec: LedgerBindingSpec) -> str | None:
    if health.finality_known:
        return None
    return (
        f"network.finality: the node does not know the tag {spec.network.finality.tag!r}; use mode: Confirmations "
        f"with a number of blocks"
    )


def _contract_absent(health: Health, spec: LedgerBindingSpec) -> str | None:
    if health.contract is None or health.code != "None" or _may_deploy_anew(health):
        return None
    if spec.contract.address:
        return f"contract.address: there is no code at {health.contract} on chain {health.chain_id}"
    return (
        f"contract.deploy: {health.contract} was deployed, but there is no code there any more: the node has lost its "
        f"chain; restore it, or create the LedgerBinding anew"
    )


def _contract_differs(health: Health, _: LedgerBindingSpec) -> str | None:
    if health.code != "Other":
        return None
    return f"contract.address: the code at {health.contract} is not that of this release's FaceLedger"


def _signer_unfunded(health: Health, _: LedgerBindingSpec) -> str | None:
    if health.balance is None or health.balance >= health.needed:
        return None
    if health.deployment is not None and health.deployment.sent and not health.deployment.final:
        return None  # it has been paid for with the transaction that is on its way
    return f"signer: {health.signer} has {health.balance / 10**18:.6f} ETH, too little for a transaction; send it some"


def _deploying(health: Health, _: LedgerBindingSpec) -> str | None:
    if health.contract is None:
        return "The contract is being deployed"
    if _may_deploy_anew(health):
        return f"There is no code at {health.contract} any more, and no record in it; the contract is deployed anew"
    return None


def _may_deploy_anew(health: Health) -> bool:
    """Whether the contract that was deployed is gone from the chain, and nothing was ever committed to it."""
    return (
        health.code == "None" and health.deployment is not None and health.deployment.final and not health.has_records
    )


def _not_committer(health: Health, _: LedgerBindingSpec) -> str | None:
    if health.may_commit is not False:
        return None
    return (
        f"contract.address: {health.contract} does not let {health.signer} commit and authorise run keys; its owner "
        f"calls setCommitter and setRegistrar"
    )


def _content_unreachable(health: Health, _: LedgerBindingSpec) -> str | None:
    return f"content.ipfs: {health.content_problem}" if health.content_problem else None


def _receipts_unreachable(health: Health, _: LedgerBindingSpec) -> str | None:
    return f"receipts: {health.receipts_problem}" if health.receipts_problem else None


_CHECKS: tuple[tuple[BindingReason, Check], ...] = (
    (BindingReason.PAUSED, _paused),
    (BindingReason.SECRET_NOT_FOUND, _secret_missing),
    (BindingReason.RPC_UNREACHABLE, _rpc_unreachable),
    (BindingReason.WRONG_CHAIN_ID, _chain_id_differs),
    (BindingReason.SIGNER_INVALID, _signer_invalid),
    (BindingReason.SIGNER_UNREACHABLE, _signer_unreachable),
    (BindingReason.CHAIN_REPLACED, _chain_replaced),
    (BindingReason.CHAIN_CONTRADICTED, _chain_contradicted),
    (BindingReason.FINALITY_UNSUPPORTED, _finality_unknown),
    (BindingReason.NO_CONTRACT, _contract_absent),
    (BindingReason.WRONG_CONTRACT, _contract_differs),
    (BindingReason.SIGNER_UNFUNDED, _signer_unfunded),
    (BindingReason.DEPLOYING, _deploying),
    (BindingReason.NOT_COMMITTER, _not_committer),
    (BindingReason.CONTENT_UNREACHABLE, _content_unreachable),
    (BindingReason.RECEIPTS_UNREACHABLE, _receipts_unreachable),
)
