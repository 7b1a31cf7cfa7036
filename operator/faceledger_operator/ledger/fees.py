"""What a transaction may pay: market, cap, bumps and the budget of a day. Pure.

In: a `FeeMarket` and the binding's limits, in wei. Out: `Fees`, or None where the cap does not allow what is needed.
Invariant: nothing is offered above the cap, and a replacement offers at least a quarter more in every part, which all
clients accept (geth asks 10 %).
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from .chain import FeeMarket

__all__ = [
    "MIN_TIP",
    "Fees",
    "Spent",
    "add_spending",
    "bump_fees",
    "gwei",
    "left_today",
    "quote_fees",
    "spent_today",
    "wei",
]

MIN_TIP = 10_000_000
"""Wei a gas where nobody competes (0.01 gwei): ten times what geth asks at least."""

DAY_SECONDS = 86_400

BUCKET_SECONDS = 3_600
"""Spending is summed by the hour, so that a day needs 25 numbers in the journal however much is committed."""


class Fees(BaseModel):
    """Price of a unit of gas: at most `cap`, of which `tip` goes to the block's proposer; tip None: a legacy price."""

    model_config = ConfigDict(frozen=True)

    cap: int
    tip: int | None = None

    def fields(self) -> dict[str, int]:
        """The transaction fields that offer this price."""
        if self.tip is None:
            return {"gasPrice": self.cap}
        return {"maxFeePerGas": self.cap, "maxPriorityFeePerGas": self.tip}


class Spent(BaseModel):
    """Wei that were paid in the hour that begins at `hour`."""

    model_config = ConfigDict(frozen=True)

    hour: int
    wei: int


def quote_fees(market: FeeMarket, max_fee: int) -> Fees | None:
    """An offer for one of the next blocks: room for the base fee to double, never above `max_fee`."""
    if market.base_fee is None:
        return Fees(cap=market.gas_price) if market.gas_price <= max_fee else None
    # Networks without fees refuse or waste a tip, and those with one rarely report it from empty blocks.
    tip = max(market.tip, MIN_TIP) if market.base_fee else market.tip
    if market.base_fee + tip > max_fee:
        return None
    return Fees(cap=min(2 * market.base_fee + tip, max_fee), tip=tip)


def bump_fees(before: Fees, market: FeeMarket, max_fee: int) -> Fees | None:
    """An offer that replaces `before`; None where the cap leaves no room for it."""
    quoted = quote_fees(market, max_fee)
    cap = max(_quarter_more(before.cap), quoted.cap if quoted else 0)
    if cap > max_fee:
        return None
    if before.tip is None:
        return Fees(cap=cap)
    return Fees(cap=cap, tip=min(cap, max(_quarter_more(before.tip), (quoted.tip or 0) if quoted else 0)))


def spent_today(spending: tuple[Spent, ...], now: int) -> int:
    """Wei that were paid in the last 24 hours, counted by whole hours."""
    return sum(spent.wei for spent in spending if spent.hour + BUCKET_SECONDS > now - DAY_SECONDS)


def add_spending(spending: tuple[Spent, ...], cost: int, now: int) -> tuple[Spent, ...]:
    """The spending of a day with `cost` wei more; hours older than a day are dropped."""
    hour = now - now % BUCKET_SECONDS
    kept = {spent.hour: spent.wei for spent in spending if spent.hour + BUCKET_SECONDS > now - DAY_SECONDS}
    kept[hour] = kept.get(hour, 0) + cost
    return tuple(Spent(hour=at, wei=paid) for at, paid in sorted(kept.items()))


def left_today(spending: tuple[Spent, ...], budget: int, now: int) -> int:
    """Wei that may still be spent; what is promised to waiting transactions is not counted."""
    return max(0, budget - spent_today(spending, now))


def gwei(amount: str) -> int:
    """Decimal gwei as wei."""
    return int(Decimal(amount) * 10**9)


def wei(amount: str) -> int:
    """Decimal ETH as wei."""
    return int(Decimal(amount) * 10**18)


def _quarter_more(amount: int) -> int:
    return -(-amount * 5 // 4)
