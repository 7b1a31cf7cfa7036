"""What a transaction may pay."""

from __future__ import annotations

import pytest
from faceledger_operator.ledger.chain import FeeMarket
from faceledger_operator.ledger.fees import (
    MIN_TIP,
    Fees,
    Spent,
    add_spending,
    bump_fees,
    gwei,
    quote_fees,
    spent_today,
    wei,
)


@pytest.mark.parametrize(
    ("market", "expected"),
    [
        pytest.param(FeeMarket(100, 7, 0), None, id="nothing where the least tip is above the cap"),
        pytest.param(FeeMarket(10**9, 10**8, 0), Fees(cap=2_100_000_000, tip=10**8), id="room for a doubled base fee"),
        pytest.param(FeeMarket(10**9, 0, 0), Fees(cap=2 * 10**9 + MIN_TIP, tip=MIN_TIP), id="a least tip"),
        pytest.param(FeeMarket(0, 0, 0), Fees(cap=0, tip=0), id="no tip on a network without fees"),
        pytest.param(FeeMarket(4 * 10**9, 0, 0), Fees(cap=5 * 10**9, tip=MIN_TIP), id="never above the cap"),
        pytest.param(FeeMarket(5 * 10**9, 0, 0), None, id="nothing where base fee and tip are above the cap"),
        pytest.param(FeeMarket(None, 0, 10**9), Fees(cap=10**9), id="the gas price of a legacy network"),
        pytest.param(FeeMarket(None, 0, 6 * 10**9), None, id="nothing where that price is above the cap"),
    ],
)
def test_an_offer_is(market: FeeMarket, expected: Fees | None) -> None:
    cap = 10**6 if market.base_fee == 100 else 5 * 10**9
    assert quote_fees(market, cap) == expected


@pytest.mark.parametrize(
    ("before", "market", "expected"),
    [
        pytest.param(Fees(cap=10, tip=3), FeeMarket(0, 0, 0), Fees(cap=13, tip=4), id="a quarter more, rounded up"),
        pytest.param(
            Fees(cap=10, tip=4),
            FeeMarket(10**9, 10**8, 0),
            Fees(cap=2_100_000_000, tip=10**8),
            id="the market, if higher",
        ),
        pytest.param(Fees(cap=10), FeeMarket(None, 0, 4), Fees(cap=13), id="a legacy price likewise"),
        pytest.param(Fees(cap=0, tip=0), FeeMarket(0, 0, 0), Fees(cap=0, tip=0), id="nothing where nothing is asked"),
        pytest.param(Fees(cap=5 * 10**9, tip=1), FeeMarket(0, 0, 0), None, id="refused above the cap"),
    ],
)
def test_a_replacement_is(before: Fees, market: FeeMarket, expected: Fees | None) -> None:
    assert bump_fees(before, market, 5 * 10**9) == expected


@pytest.mark.parametrize(
    ("fees", "fields"),
    [
        pytest.param(Fees(cap=2, tip=1), {"maxFeePerGas": 2, "maxPriorityFeePerGas": 1}, id="EIP-1559"),
        pytest.param(Fees(cap=2), {"gasPrice": 2}, id="legacy"),
    ],
)
def test_the_fields_of_a_transaction_are(fees: Fees, fields: dict[str, int]) -> None:
    assert fees.fields() == fields


def test_a_days_spending_forgets_what_is_older() -> None:
    spending: tuple[Spent, ...] = ()
    for hour in range(30):
        spending = add_spending(spending, 1, hour * 3600)
    assert len(spending) <= 25
    assert spent_today(spending, 29 * 3600) == len(spending)
    assert spent_today(spending, 100 * 3600) == 0


def test_two_payments_of_one_hour_are_one_number() -> None:
    assert add_spending(add_spending((), 2, 10), 3, 20) == (Spent(hour=0, wei=5),)


def test_amounts_are_exact() -> None:
    assert (gwei("50"), gwei("0.5"), wei("0.05")) == (50 * 10**9, 5 * 10**8, 5 * 10**16)
