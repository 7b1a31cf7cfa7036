"""Cuts a pod of the local cluster off the network, on the node, as root.

In: a pod's address. Out: nothing passes from or to it while the context is open. Invariant: the rules lie in a table of
their own, which goes with the context.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["cut_off"]


@contextmanager
def cut_off(address: str) -> Iterator[None]:
    """Drops every packet from and to a pod's address."""
    table = f"faceledger-cut-{address.replace('.', '-')}"
    hooks = ("forward", f"ip saddr {address} drop; ip daddr {address} drop"), ("input", f"ip saddr {address} drop")
    chains = (f"chain {hook} {{ type filter hook {hook} priority -10; {rules}; }}" for hook, rules in hooks)
    subprocess.run(("nft", f"table inet {table} {{ {'; '.join(chains)}; }}"), check=True)
    try:
        yield
    finally:
        subprocess.run(("nft", "delete", "table", "inet", table), check=True)
