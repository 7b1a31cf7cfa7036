"""Fixtures of the cluster tests: the cluster, the installed chart, and a namespace a test.

The chart is installed once, whichever of several test processes comes first; the others wait for its lock.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest
from testbed import install
from testbed.cluster import Cluster
from testbed.sandbox import Sandbox

HERE = Path(__file__).parent


LONGEST_FIRST = ("test_repinning", "test_survival", "test_compute", "test_queues", "test_main_job", "test_bad_input")
"""Several processes share the tests; one that starts a long test last would keep the others waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first, after each a short one: whoever runs one test holds the next one back from the others."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    long = sorted((item for item in items if item.path.stem in order), key=lambda item: order[item.path.stem])
    short = [item for item in items if item.path.stem not in order]
    items[:] = [item for pair in zip_longest(long, short) for item in pair if item is not None]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster, with the chart installed."""
    found = Cluster()
    lock = tmp_path_factory.getbasetemp().parent / "faceledger-install.lock"
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        missing = install.missing_parts(found)
        assert not missing, f"the cluster lacks {missing}"
        install.install(found)
    return found


@pytest.fixture
def sandbox(cluster: Cluster) -> Iterator[Sandbox]:
    """An empty namespace."""
    made = Sandbox(cluster)
    yield made
    made.close()


@pytest.fixture
def ledger(sandbox: Sandbox) -> Sandbox:
    """A namespace whose LedgerBinding is applied (not waited for) and whose claims are filled."""
    sandbox.with_ledger()
    sandbox.with_photographs()
    return sandbox
