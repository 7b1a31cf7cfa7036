"""What the operator reads of a run, and when."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from faceledger_contracts.eip712 import Domain, address_of, recover_report
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.report import FileSink, Reporter, ReportUnavailable
from faceledger_workloads.run import Termination, conduct
from faceledger_workloads.runreport import DatasetSummary, FailureReason, RunReport, RunState
from faceledger_workloads.session import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FakeClock, Mailbox

PRIVATE_KEY = "0x" + "42" * 32
DOMAIN = Domain(1337, "0x" + "1f" * 20)
OUTCOME = Outcome(
    summary=DatasetSummary(images=3, real=2, synthetic=1, identities=2),
    artefacts=(),
    results_root="0x" + "ab" * 32,
    model_digest="sha256:" + "c" * 64,
)


def test_every_report_carries_the_run_keys_signature(reporter: Reporter, mailbox: Mailbox) -> None:
    reporter.progress("detecting faces", 1, 2)
    (values,) = mailbox.values
    digest = "sha256:" + hashlib.sha256(values["report.json"].encode()).hexdigest()
    assert recover_report("staff-1", digest, values["signature"], DOMAIN) == address_of(PRIVATE_KEY)


def test_a_report_is_what_the_contract_says(reporter: Reporter, mailbox: Mailbox, clock: FakeClock) -> None:
    reporter.progress("detecting faces", 0, 200)
    clock.time += 4
    reporter.progress("detecting faces", 100, 200)
    report = RunReport.model_validate_json(mailbox.values[-1]["report.json"])
    assert report.state is RunState.RUNNING
    assert report.progress.model_dump() == {
        "stage": "detecting faces",
        "done": 100,
        "total": 200,
        "images_per_second": 25.0,
    }


def test_progress_is_written_at_most_once_a_second(reporter: Reporter, mailbox: Mailbox, clock: FakeClock) -> None:
    for done in range(21):
        reporter.progress("encoding", done, 20)
        clock.time += 0.1
    assert [report["progress"]["done"] for report in mailbox.reports] == [0, 10, 20]


def test_progress_that_came_too_soon_is_written_later(reporter: Reporter, mailbox: Mailbox, clock: FakeClock) -> None:
    reporter.progress("encoding", 1, 3)
    reporter.progress("encoding", 2, 3)
    clock.time += 1
    reporter.flush()
    clock.time += 1
    reporter.flush()
    assert [report["progress"]["done"] for report in mailbox.reports] == [1, 2]


def test_waiting_keeps_what_was_done(reporter: Reporter, mailbox: Mailbox, clock: FakeClock) -> None:
    reporter.progress("encoding", 7, 9)
    clock.time += 1
    reporter.waiting("waiting for IPFS")
    assert mailbox.reports[-1]["progress"] == {"stage": "waiting for IPFS", "done": 7, "total": 9}


def test_lost_progress_does_not_stop_the_work(reporter: Reporter, mailbox: Mailbox, clock: FakeClock) -> None:
    mailbox.failures.append(ReportUnavailable("no connection"))
    reporter.progress("encoding", 1, 3)
    clock.time += 1
    reporter.flush()
    assert [report["progress"]["done"] for report in mailbox.reports] == [1]


def test_success_is_reported_with_its_results(reporter: Reporter, mailbox: Mailbox) -> None:
    assert conduct(reporter, lambda: OUTCOME, Termination()) == 0
    report = RunReport.model_validate_json(mailbox.values[-1]["report.json"])
    assert report.state is RunState.SUCCEEDED
    assert report.summary == OUTCOME.summary
    assert report.results_root == OUTCOME.results_root
    assert report.progress.stage == "done"


def fail_permanently() -> Outcome:
    raise RunFailed(FailureReason.SOURCE_EMPTY, "source.path /data holds no file")


def fail_by_a_bug() -> Outcome:
    return Outcome(**{"/data/ada/1.jpg": 1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("work", "reason", "retryable", "message"),
    [
        pytest.param(
            fail_permanently, "SourceEmpty", False, "source.path /data holds no file", id="a failure with a reason"
        ),
        pytest.param(fail_by_a_bug, "InfrastructureFailed", True, "TypeError at test_run_report.py:", id="a bug"),
    ],
)
def test_a_failed_run_says_why(
    work: object, reason: str, retryable: bool, message: str, reporter: Reporter, mailbox: Mailbox
) -> None:
    assert conduct(reporter, work, Termination()) == 1  # type: ignore[arg-type]
    report = mailbox.reports[-1]
    assert report["state"] == "Failed"
    assert report["failure"]["reason"] == reason
    assert report["failure"]["retryable"] is retryable
    assert report["failure"]["message"].startswith(message)


def test_an_unexpected_error_shows_no_name_of_a_person(
    reporter: Reporter, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    conduct(reporter, fail_by_a_bug, Termination())
    assert "ada" not in json.dumps(mailbox.reports)
    assert "ada" not in capsys.readouterr().out


def test_a_final_report_that_cannot_be_delivered_fails_the_driver(reporter: Reporter, mailbox: Mailbox) -> None:
    mailbox.failures.append(ReportUnavailable("HTTP 404"))
    assert conduct(reporter, lambda: OUTCOME, Termination()) == 1


def test_a_report_that_no_file_can_hold_is_lost_and_the_run_goes_on(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").touch()
    reporter = Reporter("staff-1", lambda report: "0x", FileSink(tmp_path / "file" / "staff-1"), clock)
    reporter.progress("detecting faces", 1, 2)
    with pytest.raises(ReportUnavailable, match="cannot be written: Not a directory"):
        reporter.finish(RunReport(attempt="staff-1", state=RunState.SUCCEEDED, progress=reporter.last_progress))


def test_outside_of_a_cluster_a_report_is_two_files(tmp_path: Path) -> None:
    FileSink(tmp_path / "new").write({"report.json": "{}", "signature": "0x"}, 1.0)
    assert {file.name: file.read_text() for file in (tmp_path / "new").iterdir()} == {
        "report.json": "{}",
        "signature": "0x",
    }
