"""The driver's process: what it answers to a spec that is no spec, and to being stopped."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from faceledger_workloads import run
from faceledger_workloads.driver import Termination, conduct
from faceledger_workloads.session import Outcome

if TYPE_CHECKING:
    from conftest import Mailbox, RunBuilder
    from faceledger_workloads.report import Reporter


@pytest.fixture(autouse=True)
def own_signal_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tests' own handler comes back, and nobody takes this machine for a pod."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def write_spec(builder: RunBuilder, **overrides: Any) -> Path:
    spec = builder.dataset().model_dump(mode="json", by_alias=True) | overrides
    file = builder.root / "run.json"
    file.write_text(json.dumps(spec))
    return file


def test_a_wrong_spec_is_reported_with_its_fields_and_without_their_values(run_builder: RunBuilder) -> None:
    spec = write_spec(run_builder, workers={"min": 1, "max": 0, "cpu": "1"}, purpose={"secret": "purpose"})
    assert run.main([str(spec)]) == 1
    report = json.loads((run_builder.root / "output" / "staff-1" / "report.json").read_text())
    assert report["state"] == "Failed"
    assert report["failure"]["reason"] == "RunSpecInvalid"
    assert "workers.max" in report["failure"]["message"]
    assert "purpose" in report["failure"]["message"]
    assert "secret" not in report["failure"]["message"]
    assert not report["failure"]["retryable"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{}", id="nowhere to report to"),
        pytest.param("no JSON", id="no JSON"),
    ],
)
def test_a_spec_that_names_no_report_ends_the_driver(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text(text)
    assert run.main([str(tmp_path / "run.json")]) == 1
    assert json.loads(capsys.readouterr().out)["event"] == "the run cannot be reported on"


def test_a_run_key_that_is_none_is_not_shown(run_builder: RunBuilder, capsys: pytest.CaptureFixture[str]) -> None:
    (run_builder.root / "run.key").write_text("hunter2")
    assert run.main([str(write_spec(run_builder))]) == 1
    assert "hunter2" not in capsys.readouterr().out


def be_stopped() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def be_stopped_inside_of_c() -> None:
    """What an extension module makes of an exception that it did not expect."""
    try:
        be_stopped()
    except BaseException as error:
        raise SystemError("returned a result with an exception set") from error


@pytest.mark.parametrize("interrupt", [be_stopped, be_stopped_inside_of_c])
def test_a_driver_that_is_stopped_says_so(interrupt: Callable[[], None], reporter: Reporter, mailbox: Mailbox) -> None:
    termination = Termination()
    termination.listen()

    def work() -> Outcome:
        interrupt()
        raise AssertionError("unreachable: the signal ends the work")

    assert conduct(reporter, work, termination) == 1
    failure = mailbox.reports[-1]["failure"]
    assert failure["reason"] == "InfrastructureFailed"
    assert failure["retryable"]
    assert "SIGTERM" in failure["message"]
