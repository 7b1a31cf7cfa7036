"""The driver on a standing cluster: what it is told by the API server, and what it leaves behind."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from faceledger_workloads import standing

if TYPE_CHECKING:
    from conftest import RunBuilder

Publish = Callable[..., None]


@pytest.fixture(autouse=True)
def own_signal_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tests' own handler comes back, and nobody takes this machine for a pod."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def publish(run_builder: RunBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Puts a run spec and a run key where the driver of staff-1 looks for them."""
    (tmp_path / "namespace").write_text("demo")
    monkeypatch.setattr(standing, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setattr(standing, "server_url", lambda _: "https://api")

    def put(key: bytes, **overrides: Any) -> None:
        spec = run_builder.dataset().model_dump(mode="json", by_alias=True) | overrides
        objects = {
            "namespaces/demo/configmaps/staff-1-run": {"run.json": json.dumps(spec)},
            "namespaces/demo/secrets/staff-1-run-key": {"private-key": base64.b64encode(key).decode()},
        }
        monkeypatch.setattr(standing, "read_object", lambda _, path, *__: {"data": objects[path]})

    return put


def test_a_report_is_signed_with_a_run_key_that_lies_in_no_file(run_builder: RunBuilder, publish: Publish) -> None:
    key = (run_builder.root / "run.key").read_bytes()
    (run_builder.root / "run.key").unlink()
    # Below /proc no file can be made: a driver that gets SIGKILL could not take it away again.
    publish(key, runKeyFile="/proc/none/private-key", workers={"min": 1, "max": 0, "cpu": "1"})
    assert standing.main(["staff-1"]) == 1
    folder = run_builder.root / "output" / "staff-1"
    assert json.loads((folder / "report.json").read_text())["failure"]["reason"] == "RunSpecInvalid"
    assert not any(key in file.read_bytes() for file in run_builder.root.rglob("*") if file.is_file())


@pytest.mark.parametrize("key", [pytest.param(b"hunter2", id="no key"), pytest.param(b"\xff", id="no text")])
def test_a_run_key_that_is_none_is_not_shown(key: bytes, publish: Publish, capsys: pytest.CaptureFixture[str]) -> None:
    publish(key)
    assert standing.main(["staff-1"]) == 1
    said = capsys.readouterr().out
    assert json.loads(said)["level"] == "error"
    assert "hunter2" not in said
