"""The contract's tools are found on a machine that has neither Node nor uv on its PATH."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).parents[3] / "contracts"


@pytest.mark.parametrize(
    ("variable", "cache"),
    [
        pytest.param("XDG_CACHE_HOME", "faceledger", id="a cache of the user's choice"),
        pytest.param("HOME", ".cache/faceledger", id="the cache in the home folder"),
    ],
)
def test_without_node_the_tools_run_through_the_uv_that_bootstrap_installs(
    tmp_path: Path, variable: str, cache: str
) -> None:
    uv = tmp_path / cache / "uv-1.2.3" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.touch(mode=0o755)
    assert told_by_make({variable: str(tmp_path)}, tmp_path).startswith(f"{uv} run ")


def test_without_node_and_without_bootstrap_uv_is_the_one_on_the_path(tmp_path: Path) -> None:
    assert told_by_make({"HOME": str(tmp_path)}, tmp_path).startswith("uv run ")


def told_by_make(environment: dict[str, str], folder: Path) -> str:
    """The first command of `make fmt` once the toolchain is there, on a PATH that holds nothing."""
    make = shutil.which("make")
    assert make is not None
    command = (make, "-C", str(CONTRACTS), "--no-print-directory", "-n", "-o", "install", "fmt")
    empty = folder / "bin"
    empty.mkdir()
    told = subprocess.run(command, env={"PATH": str(empty), **environment}, capture_output=True, text=True, check=True)
    return told.stdout
