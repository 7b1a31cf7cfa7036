"""How right a run was, where its probes' folders name people: see `report.py` for what comes of it."""

from faceledger_workloads.evaluation.groups import read_groups
from faceledger_workloads.evaluation.report import EvaluationReport, report
from faceledger_workloads.evaluation.trials import TrialLog, Trials

__all__ = ["EvaluationReport", "TrialLog", "Trials", "read_groups", "report"]
