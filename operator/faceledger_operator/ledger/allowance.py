"""What the transactions of one pass share: nonces, the fee cap, funds and the day's budget. No I/O.

In: the journal, a view of the chain, the policy. Out: nonces and fees, one transaction after the other, and the first
thing that stood in the way. Invariant: the transactions that it allows have different nonces and, with those that wait
already, are within balance and budget together.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..api.conditions import BindingReason
from .chain import FeeMarket
from .contract import Revert
from .fees import Fees, bump_fees, quote_fees, spent_today
from .journal import Batch, Intent, Journal, Sent
from .moves import ChainView, Policy, Trouble

__all__ = ["LOST_SECONDS", "Allowance"]

LOST_SECONDS = 15
"""Nodes behind one address differ by seconds; only then is what they do not show taken for lost."""


class Allowance:
    """Made anew for each pass."""

    def __init__(self, journal: Journal, view: ChainView, policy: Policy, now: int) -> None:
        self.view = view
        self.now = now
        self.trouble: Trouble | None = None
        self._policy = policy
        self._spent = spent_today(journal.spending, now)
        waiting = [x.sent for x in journal.intents() if x.sent and not x.place and x.sent.nonce >= view.nonce]
        self._promised = sum(sent.gas * sent.fees.cap for sent in waiting)
        self._waiting = {sent.nonce for sent in waiting} | view.reserved
        self._nonces = self._free_nonces()

    def next_nonce(self) -> int:
        """The lowest nonce that neither the chain, the node, nor any journal of this signer has."""
        return next(self._nonces)

    def heals_gap(self, sent: Sent) -> bool:
        """Whether nothing anywhere has the account's next nonce, so that the lowest later transaction must take it."""
        nothing_next = self.view.pending_nonce == self.view.nonce and self.view.nonce not in self._waiting
        return nothing_next and sent.nonce == min(self._waiting) and self.now - sent.at >= LOST_SECONDS

    def offer(self, gas: int) -> Fees | None:
        """Fees for so much gas; None, and a trouble, where cap, balance or budget do not allow it."""
        fees = quote_fees(self.view.market, self._policy.max_fee)
        if fees is None:
            price = _price(self.view.market)
            self._stop(BindingReason.FEE_ABOVE_CAP, f"gas.maxFeePerGasGwei: the network asks {price} gwei")
            return None
        cost = gas * fees.cap
        if self._promised + cost > self.view.balance:
            message = f"signer: a transaction may cost {_ether(cost)} ETH, more than it has; send it some"
            self._stop(BindingReason.SIGNER_UNFUNDED, message)
            return None
        if self._spent + self._promised + cost > self._policy.budget:
            self._stop(
                BindingReason.BUDGET_SPENT,
                f"gas.budgetEthPerDay: {_ether(self._spent)} ETH were spent in the last 24 hours, "
                f"{_ether(self._promised)} are promised, and one more transaction may cost {_ether(cost)}",
            )
            return None
        self._promised += cost
        return fees

    def bumped(self, sent: Sent) -> Fees | None:
        """Higher fees for a transaction that waits; None, and a trouble, where the cap leaves no room."""
        fees = bump_fees(sent.fees, self.view.market, self._policy.max_fee)
        if fees is None:
            message = f"a transaction waits at {_gwei(sent.fees.cap)} gwei, and the cap leaves no room for more"
            self._stop(BindingReason.FEE_ABOVE_CAP, f"gas.maxFeePerGasGwei: {message}")
        return fees

    def refused(self, intent: Intent, revert: Revert) -> None:
        """Notes that the contract would refuse the intent's transaction: for good, or this one alone."""
        what = f"batch {intent.id}" if isinstance(intent, Batch) else intent.key
        reason = BindingReason.NOT_COMMITTER if revert.name in _AGAINST_ALL else BindingReason.READY
        self._stop(reason, f"the contract refuses {what}: {_explain(revert)}")

    def _free_nonces(self) -> Iterator[int]:
        nonce = max(self.view.nonce, self.view.pending_nonce)
        while True:
            if nonce not in self._waiting:
                yield nonce
            nonce += 1

    def _stop(self, reason: BindingReason, message: str) -> None:
        self.trouble = self.trouble or Trouble(reason, message)


_AGAINST_ALL = {"EnforcedPause", "NotCommitter", "NotRegistrar"}
"""Errors that any transaction of the signer meets; others belong to one record and hold up nobody else."""

_ADVICE = {
    "EnforcedPause": "it is paused; its owner can unpause it",
    "NotCommitter": "the signer is no committer; the contract's owner can call setCommitter",
    "NotRegistrar": "the signer is no registrar; the contract's owner can call setRegistrar",
    "RunKeyNotAuthorised": "the run key's window is not open",
    "RunKeyWindowClosed": "the run key was revoked or has expired, and cannot be authorised again",
}


def _explain(revert: Revert) -> str:
    return f"{revert} ({_ADVICE[revert.name]})" if revert.name in _ADVICE else str(revert)


def _price(market: FeeMarket) -> str:
    return _gwei(market.gas_price if market.base_fee is None else market.base_fee + market.tip)


def _gwei(amount: int) -> str:
    return f"{amount / 10**9:.2g}"


def _ether(amount: int) -> str:
    return f"{amount / 10**18:.6f}"
