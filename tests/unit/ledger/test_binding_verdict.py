"""What a LedgerBinding's condition is. Every reason has a case here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from faceledger_operator.api.conditions import BindingReason, ConditionType
from faceledger_operator.api.ledgerbinding import LedgerBindingSpec
from faceledger_operator.ledger.health import Health
from faceledger_operator.ledger.journal import Deployment
from faceledger_operator.ledger.moves import Trouble
from faceledger_operator.reconcile.binding_verdict import decide_binding, decide_unreadable

CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SIGNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
WELL = Health(
    chain_id=1337, signer=SIGNER, balance=10**18, needed=10**15, contract=CONTRACT, code="Ours", may_commit=True
)
STALLED, RECONCILING = ConditionType.STALLED, ConditionType.RECONCILING


def spec(**contract: Any) -> LedgerBindingSpec:
    return LedgerBindingSpec.model_validate(
        {
            "network": {"chainId": 1337, "rpc": {"urlSecretRef": {"name": "rpc", "key": "url"}}},
            "contract": contract or {"address": CONTRACT},
            "signer": {"keystoreSecretRef": {"name": "key", "key": "keystore.json"}},
            "content": {"ipfs": {"api": "http://ipfs:5001"}},
        }
    )


CASES = [
    pytest.param({}, BindingReason.READY, f"Chain 1337, contract {CONTRACT}", None, True, id="all is well"),
    pytest.param({"paused": True}, BindingReason.PAUSED, "annotation", None, False, id="paused"),
    pytest.param({"secret_problem": "x: no"}, BindingReason.SECRET_NOT_FOUND, "x: no", STALLED, False, id="no Secret"),
    pytest.param(
        {"rpc_problem": "silent"}, BindingReason.RPC_UNREACHABLE, "urlSecretRef: silent", STALLED, True, id="no node"
    ),
    pytest.param(
        {"chain_replaced": "no block 7"}, BindingReason.CHAIN_REPLACED, "no block 7", STALLED, False, id="lost chain"
    ),
    pytest.param(
        {"chain_contradicted": "two blocks 7"},
        BindingReason.CHAIN_CONTRADICTED,
        "two blocks 7",
        STALLED,
        False,
        id="nodes that disagree",
    ),
    pytest.param({"chain_id": 5}, BindingReason.WRONG_CHAIN_ID, "node is on chain 5", STALLED, False, id="other chain"),
    pytest.param(
        {"signer_problem": "shut"},
        BindingReason.SIGNER_INVALID,
        "keystoreSecretRef: shut",
        STALLED,
        False,
        id="shut",
    ),
    pytest.param(
        {"signer_away": "silent"},
        BindingReason.SIGNER_UNREACHABLE,
        "keystoreSecretRef: silent",
        STALLED,
        True,
        id="the key's service is silent",
    ),
    pytest.param(
        {"receipts_problem": "s3://receipts cannot be used: NoSuchBucket"},
        BindingReason.RECEIPTS_UNREACHABLE,
        "receipts: s3://receipts cannot be used: NoSuchBucket",
        STALLED,
        True,
        id="the receipts' bucket is not there",
    ),
    pytest.param(
        {"trouble": Trouble(BindingReason.RECEIPTS_UNREACHABLE, "the bucket is gone")},
        BindingReason.RECEIPTS_UNREACHABLE,
        "the bucket is gone",
        STALLED,
        True,
        id="receipts cannot be kept",
    ),
    pytest.param(
        {"finality_known": False},
        BindingReason.FINALITY_UNSUPPORTED,
        "mode: Confirmations",
        STALLED,
        False,
        id="the tag is unknown",
    ),
    pytest.param({"code": "None"}, BindingReason.NO_CONTRACT, "no code at 0x5FbD", STALLED, False, id="nothing there"),
    pytest.param({"code": "Other"}, BindingReason.WRONG_CONTRACT, "is not that of", STALLED, False, id="other code"),
    pytest.param(
        {"balance": 0}, BindingReason.SIGNER_UNFUNDED, "has 0.000000 ETH", STALLED, True, id="the signer has nothing"
    ),
    pytest.param(
        {"contract": None, "code": None, "may_commit": None},
        BindingReason.DEPLOYING,
        "being deployed",
        RECONCILING,
        False,
        id="no contract yet",
    ),
    pytest.param({"may_commit": False}, BindingReason.NOT_COMMITTER, "setCommitter", STALLED, False, id="no role"),
    pytest.param(
        {"content_problem": "gone"},
        BindingReason.CONTENT_UNREACHABLE,
        "content.ipfs: gone",
        STALLED,
        True,
        id="no IPFS",
    ),
    pytest.param(
        {"trouble": Trouble(BindingReason.BUDGET_SPENT, "spent")},
        BindingReason.BUDGET_SPENT,
        "spent",
        RECONCILING,
        True,
        id="the budget is spent",
    ),
    pytest.param(
        {"trouble": Trouble(BindingReason.FEE_ABOVE_CAP, "dear")},
        BindingReason.FEE_ABOVE_CAP,
        "dear",
        RECONCILING,
        True,
        id="the network is dear",
    ),
    pytest.param(
        {"trouble": Trouble(BindingReason.READY, "one batch is refused")},
        BindingReason.READY,
        "one batch is refused",
        None,
        True,
        id="one record's trouble is told and stops nobody",
    ),
]


@pytest.mark.parametrize(("changes", "reason", "says", "second", "usable"), CASES)
def test_a_binding(changes: Any, reason: BindingReason, says: str, second: Any, usable: bool) -> None:
    verdict = decide_binding(replace(WELL, **changes), spec())
    assert (verdict.reason, verdict.usable) == (reason, usable)
    assert says in verdict.message
    claims = verdict.claims()
    assert (claims[0].type, claims[0].status == "True") == (ConditionType.READY, reason is BindingReason.READY)
    assert [claim.type for claim in claims[1:]] == ([second] if second else [])


def test_every_reason_has_a_case() -> None:
    assert {case.values[1] for case in CASES} == set(BindingReason) - {BindingReason.UNREADABLE}


def test_a_binding_that_cannot_be_read_is_stalled_and_takes_nothing() -> None:
    verdict = decide_unreadable("spec.gas: no")
    assert [(claim.type, claim.status, claim.reason) for claim in verdict.claims()] == [
        (ConditionType.READY, "False", BindingReason.UNREADABLE),
        (ConditionType.STALLED, "True", BindingReason.UNREADABLE),
    ]
    assert (verdict.usable, verdict.commits, verdict.deploys, verdict.severity) == (False, False, False, "Warning")


def test_the_cause_is_named_before_its_effects() -> None:
    worst = replace(WELL, rpc_problem="silent", balance=0, code="None", content_problem="gone")
    assert decide_binding(worst, spec()).reason is BindingReason.RPC_UNREACHABLE


@pytest.mark.parametrize(
    ("changes", "commits"),
    [
        pytest.param({"chain_id": 5}, False, id="nothing is signed for another chain"),
        pytest.param({"code": "Other"}, False, id="nothing is signed for other code"),
        pytest.param({"signer_problem": "shut"}, False, id="nothing is signed without the key"),
        pytest.param({"content_problem": "gone"}, True, id="what is pinned goes on while IPFS is away"),
        pytest.param({"balance": 0}, True, id="what was sent is followed although nothing more can be paid"),
    ],
)
def test_a_pass_may_run(changes: Any, commits: bool) -> None:
    assert decide_binding(replace(WELL, **changes), spec()).commits is commits


@pytest.mark.parametrize(
    ("deployment", "deploys"),
    [
        pytest.param(None, True, id="none was started"),
        pytest.param(Deployment(signer=SIGNER), False, id="one is on its way"),
    ],
)
def test_a_deployment_is_started_where(deployment: Any, deploys: bool) -> None:
    health = replace(WELL, contract=None, code=None, may_commit=None, deployment=deployment)
    assert decide_binding(health, spec(deploy={})).deploys is deploys


def test_a_contract_that_is_gone_with_nothing_in_it_is_deployed_anew() -> None:
    health = replace(WELL, code="None", deployment=Deployment(signer=SIGNER, final=True))
    verdict = decide_binding(health, spec(deploy={}))
    assert (verdict.reason, verdict.deploys, verdict.usable) == (BindingReason.DEPLOYING, True, False)


def test_a_contract_that_is_gone_with_records_in_it_is_not_deployed_again() -> None:
    health = replace(WELL, code="None", deployment=Deployment(signer=SIGNER, final=True), has_records=True)
    verdict = decide_binding(health, spec(deploy={}))
    assert (verdict.reason, verdict.deploys) == (BindingReason.NO_CONTRACT, False)
    assert "lost its chain" in verdict.message
