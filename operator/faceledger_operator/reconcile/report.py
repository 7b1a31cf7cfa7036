"""Reads a run report and believes it only with the signature of the attempt's run key.

In: the report ConfigMap's data, the run as it was asked for, the run key's address. Out: a signed report, a refusal,
or None before the first report. Invariant: what anybody else writes into the ConfigMap has no effect but the refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from faceledger_contracts.canonical import sha256_digest
from faceledger_contracts.eip712 import Domain, SignatureError, recover_report
from faceledger_workloads.runreport import REPORT_KEY, SIGNATURE_KEY, RunReport, RunState
from pydantic import ValidationError

from .subject import Run

__all__ = ["RefusedReport", "SignedReport", "read_report"]


@dataclass(frozen=True)
class SignedReport:
    """`digest` is the SHA-256 that `signature` signs."""

    report: RunReport
    digest: str
    signature: str

    @property
    def final(self) -> bool:
        return self.report.state is not RunState.RUNNING


@dataclass(frozen=True)
class RefusedReport:
    message: str


def read_report(data: Mapping[str, str], run: Run, run_key: str) -> SignedReport | RefusedReport | None:
    """What the attempt's driver says."""
    text, signature = data.get(REPORT_KEY), data.get(SIGNATURE_KEY)
    if not text and not signature:
        return None
    if not text or not signature:
        return RefusedReport(f"ConfigMap {run.report_config_map}: {REPORT_KEY} and {SIGNATURE_KEY} belong together")
    digest = sha256_digest(text.encode())
    try:
        signer = recover_report(run.attempt, digest, signature, Domain(run.chain_id, run.contract))
    except SignatureError as error:
        return RefusedReport(f"ConfigMap {run.report_config_map}: {error}")
    if signer != run_key:
        return RefusedReport(f"ConfigMap {run.report_config_map}: signed by {signer}, not by the run key {run_key}")
    return _parse(text, digest, signature, run)


def _parse(text: str, digest: str, signature: str, run: Run) -> SignedReport | RefusedReport:
    try:
        report = RunReport.model_validate_json(text)
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in problem["loc"]) for problem in error.errors())
        return RefusedReport(f"ConfigMap {run.report_config_map}: not a report of this release: {fields}")
    if report.attempt != run.attempt:
        return RefusedReport(f"ConfigMap {run.report_config_map}: it speaks of attempt {report.attempt}")
    return SignedReport(report, digest, signature)
