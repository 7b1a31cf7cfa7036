"""What a Prometheus reads of an operator: commitments by state, what happened to them, and what is left to spend.

In: what the reconcilers find. Out: the text of /metrics. Invariant: labels are names of resources and states; no
address, hash or secret, and nothing of people.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

__all__ = ["REGISTRY", "forget_binding", "note_happening", "render", "set_binding"]

REGISTRY = CollectorRegistry()
"""All metrics of the operator, and nothing of the process itself."""

_BINDING = ("namespace", "binding")

_COMMITMENTS = Gauge(
    "faceledger_commitments", "Records in the journal, by state.", (*_BINDING, "state"), registry=REGISTRY
)
_FINALIZED = Gauge("faceledger_commitments_finalized", "Records that are final.", _BINDING, registry=REGISTRY)
_BATCHES = Gauge("faceledger_batches_committed", "Batches that are final.", _BINDING, registry=REGISTRY)
_BALANCE = Gauge("faceledger_signer_balance_ether", "Balance of the signer.", _BINDING, registry=REGISTRY)
_BUDGET = Gauge("faceledger_budget_left_ether", "What may still be spent today.", _BINDING, registry=REGISTRY)
_FINAL_BLOCK = Gauge("faceledger_final_block", "Number of the newest final block.", _BINDING, registry=REGISTRY)
_READY = Gauge("faceledger_binding_ready", "1 while the LedgerBinding is Ready.", _BINDING, registry=REGISTRY)
_HAPPENINGS = Counter(
    "faceledger_transactions",
    "Transactions that took an extraordinary course, by what happened.",
    (*_BINDING, "what"),
    registry=REGISTRY,
)


def set_binding(
    namespace: str,
    binding: str,
    *,
    states: Mapping[str, int],
    finalized: int,
    batches: int,
    budget_left: float,
    ready: bool,
    balance: float | None = None,
    final_block: int | None = None,
) -> None:
    """What holds now of a LedgerBinding; amounts in ETH. What is not known keeps its last value."""
    for state, count in states.items():
        _COMMITMENTS.labels(namespace, binding, state).set(count)
    _FINALIZED.labels(namespace, binding).set(finalized)
    _BATCHES.labels(namespace, binding).set(batches)
    _BUDGET.labels(namespace, binding).set(budget_left)
    _READY.labels(namespace, binding).set(ready)
    if balance is not None:
        _BALANCE.labels(namespace, binding).set(balance)
    if final_block is not None:
        _FINAL_BLOCK.labels(namespace, binding).set(final_block)


def note_happening(namespace: str, binding: str, what: str) -> None:
    _HAPPENINGS.labels(namespace, binding, what).inc()


def forget_binding(namespace: str, binding: str) -> None:
    """The LedgerBinding is gone, and its values with it."""
    for metric in (_COMMITMENTS, _FINALIZED, _BATCHES, _BALANCE, _BUDGET, _FINAL_BLOCK, _READY, _HAPPENINGS):
        metric.remove_by_labels({"namespace": namespace, "binding": binding})


def render() -> bytes:
    """The text format of Prometheus."""
    return generate_latest(REGISTRY)
