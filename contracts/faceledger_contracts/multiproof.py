"""One proof for many leaves of a tree, as OpenZeppelin's `MerkleProof.multiProofVerify` takes it.

In: leaves in the order of their tree, each with its own proof. Out: the siblings that are not computed on the way, and
a flag for each hash. Source: OpenZeppelin Contracts 5, `processMultiProof`. Invariant: combining and splitting again
gives the same single proofs, so nothing is lost by keeping the shorter form.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from faceledger_contracts.merkle import inner_hash

__all__ = ["Multiproof", "combine", "split", "verify_multiproof"]


@dataclass(frozen=True)
class Multiproof:
    """`proof` holds the given siblings in the order of their use; `flags[i]` says whether hash i takes both its
    children from what was shown and computed (true) or one from `proof` (false)."""

    proof: tuple[bytes, ...]
    flags: tuple[bool, ...]


def combine(leaves: Sequence[bytes], proofs: Sequence[Sequence[bytes]]) -> Multiproof:
    """The multiproof of `leaves`, each proved by the proof of its place.

    ValueError if there is none, if their order is not the tree's, or if they do not belong to one tree.
    """
    queue = deque((leaf, tuple(path)) for leaf, path in zip(leaves, proofs, strict=True))
    given, flags = [], []
    while queue:
        node, path = queue.popleft()
        if not path:
            break
        sibling, *rest = path
        flags.append(bool(queue) and queue[0][0] == sibling)
        if flags[-1]:
            queue.popleft()
        else:
            given.append(sibling)
        queue.append((inner_hash(node, sibling), tuple(rest)))
    multiproof = Multiproof(tuple(given), tuple(flags))
    if queue or not leaves or split(leaves, multiproof) != [list(path) for path in proofs]:
        raise ValueError("the proofs are not those of different leaves of one tree, in its order")
    return multiproof


def split(leaves: Sequence[bytes], multiproof: Multiproof) -> list[list[bytes]]:
    """The single proof of each leaf; ValueError if `multiproof` is none of so many leaves."""
    proofs: list[list[bytes]] = [[] for _ in leaves]
    queue = deque((leaf, [index]) for index, leaf in enumerate(leaves))
    for flag, sibling in zip(multiproof.flags, _siblings(len(leaves), multiproof), strict=True):
        node, below = queue.popleft()
        other, beside = queue.popleft() if flag else (sibling, [])
        for index in below:
            proofs[index].append(other)
        for index in beside:
            proofs[index].append(node)
        queue.append((inner_hash(node, other), below + beside))
    return proofs


def verify_multiproof(leaves: Sequence[bytes], multiproof: Multiproof, root: bytes) -> bool:
    """Whether all `leaves` (at least one), in the tree's order, are under `root`; other lengths than 32 bytes never."""
    if not leaves or any(len(node) != 32 for node in (root, *leaves, *multiproof.proof)):
        return False
    queue = deque(leaves)
    try:
        for flag, sibling in zip(multiproof.flags, _siblings(len(leaves), multiproof), strict=True):
            node = queue.popleft()
            queue.append(inner_hash(node, queue.popleft() if flag else sibling))
    except (ValueError, IndexError):
        return False
    return list(queue) == [root]


def _siblings(leaf_count: int, multiproof: Multiproof) -> Iterator[bytes]:
    """For each flag the sibling that is given, or no bytes; ValueError if the numbers do not fit together."""
    if leaf_count + len(multiproof.proof) != len(multiproof.flags) + 1:
        raise ValueError("a multiproof has one hash less than it has leaves and siblings")
    if multiproof.flags.count(False) != len(multiproof.proof):
        raise ValueError("a multiproof uses each of its siblings once")
    given = iter(multiproof.proof)
    return iter([b"" if flag else next(given) for flag in multiproof.flags])
