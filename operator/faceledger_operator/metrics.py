"""What a Prometheus reads of an operator: its passes and requests, attempts by outcome, commitments by state, and what
is left to spend.

In: what the engine, the client and the reconcilers find. Out: the text of /metrics. Invariant: labels are names of
resources, kinds and states; no address, hash or secret, and nothing of people. The chart's dashboard and alerts name no
other metric.
"""

from __future__ import annotations

import time
from collections import Counter as CountOf
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

__all__ = [
    "REGISTRY",
    "forget_binding",
    "forget_resource",
    "note_attempt",
    "note_happening",
    "note_request",
    "one_pass",
    "queued",
    "render",
    "set_binding",
    "set_leading",
    "set_resource",
]

REGISTRY = CollectorRegistry()
"""All metrics of the operator, and nothing of the process itself."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds of the histograms: from one answer of the API server to a pass that waits for a chain."""

_LEADER = Gauge("faceledger_leader", "1 while this process leads, 0 while it stands by.", registry=REGISTRY)
_QUEUE = Gauge("faceledger_queue_depth", "Resources that are due and wait for a pass.", ("kind",), registry=REGISTRY)
_PASSES = Histogram(
    "faceledger_reconcile_duration_seconds",
    "How long a pass over a resource took.",
    ("kind",),
    buckets=_SECONDS,
    registry=REGISTRY,
)
_ERRORS = Counter(
    "faceledger_reconcile_errors",
    "Passes that ended with an error, by class.",
    ("kind", "error"),
    registry=REGISTRY,
)
_ATTEMPTS = Counter("faceledger_attempts", "Attempts, by what became of them.", ("kind", "outcome"), registry=REGISTRY)
_REQUESTS = Histogram(
    "faceledger_api_request_duration_seconds",
    "Requests to the API server, without watches; code 0: no answer.",
    ("verb", "code"),
    buckets=_SECONDS,
    registry=REGISTRY,
)

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


class _Resources(Collector):
    """How many resources stand how: counted when asked, so that nothing has to be taken back."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str, str], str] = {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        labels = ("kind", "namespace", "state")
        family = GaugeMetricFamily("faceledger_resources", "Resources, by how they stand.", labels=labels)
        counts = CountOf((kind, namespace, state) for (kind, namespace, _), state in self.states.items())
        for place, count in counts.items():
            family.add_metric(place, count)
        yield family


_RESOURCES = _Resources()
REGISTRY.register(_RESOURCES)


def set_leading(leading: bool) -> None:
    _LEADER.set(leading)


@contextmanager
def queued(kind: str) -> Iterator[None]:
    """Around the wait for a place."""
    _QUEUE.labels(kind).inc()
    try:
        yield
    finally:
        _QUEUE.labels(kind).dec()


@contextmanager
def one_pass(kind: str) -> Iterator[None]:
    """Around a pass."""
    begun = time.perf_counter()
    try:
        yield
    except Exception as error:
        _ERRORS.labels(kind, type(error).__name__).inc()
        raise
    finally:
        _PASSES.labels(kind).observe(time.perf_counter() - begun)


def note_attempt(kind: str, outcome: str) -> None:
    """`Started`, and later one of `Succeeded`, `Retried`, `Failed`."""
    _ATTEMPTS.labels(kind, outcome).inc()


def note_request(verb: str, code: int, seconds: float) -> None:
    """`code` 0: there was no answer."""
    _REQUESTS.labels(verb, str(code)).observe(seconds)


def set_resource(kind: str, namespace: str, name: str, state: str) -> None:
    _RESOURCES.states[kind, namespace, name] = state


def forget_resource(kind: str, namespace: str, name: str) -> None:
    _RESOURCES.states.pop((kind, namespace, name), None)


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
