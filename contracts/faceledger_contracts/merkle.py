"""Merkle trees that Solidity and public libraries accept as they are.

In: 32-byte leaves. Out: a 32-byte root, and proofs that OpenZeppelin's `MerkleProof.verify` takes. The tree is that
of `@openzeppelin/merkle-tree`'s `SimpleMerkleTree` without sorting: a complete binary tree in one array, the leaves
in its last places in reverse order, and every inner node Keccak-256 over its two children, the smaller one first.
Invariant: an inner node hashes exactly 64 bytes and a leaf never does (see `leaf_hash`), so neither can pass for the
other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from faceledger_contracts.canonical import keccak256

__all__ = ["each_proof", "inner_hash", "leaf_hash", "proof", "proofs", "root", "type_tag", "verify_proof"]

LEAF_PREFIX = b"\x00"
"""First byte of every leaf's preimage. Prefix, 32-byte tag and content make at least 65 bytes: never 64."""


def type_tag(name: str) -> bytes:
    """The 32 bytes that tell one type of leaf from another: Keccak-256 of its versioned name."""
    return keccak256(name.encode())


def leaf_hash(tag: bytes, content: bytes) -> bytes:
    """The leaf over `content` (at least 32 bytes: a salt or a hash comes first) of the type that `tag` names."""
    if len(tag) != 32 or len(content) < 32:
        raise ValueError("a leaf needs a 32-byte tag and at least 32 bytes of content")
    return keccak256(LEAF_PREFIX + tag + content)


def inner_hash(a: bytes, b: bytes) -> bytes:
    """The parent of two nodes; their order does not matter."""
    return keccak256(a + b if a < b else b + a)


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over `leaves`, whose order matters; that of one leaf is the leaf. ValueError without a leaf."""
    return _tree(leaves)[0]


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings of leaf `index` from the bottom up. IndexError for an index outside `leaves`."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    return _siblings(_tree(leaves), len(leaves), index)


def proofs(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The proofs of all leaves, for the price of one tree."""
    return list(each_proof(leaves))


def each_proof(leaves: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The proofs of all leaves, each when it is asked for."""
    tree = _tree(leaves)
    return (_siblings(tree, len(leaves), index) for index in range(len(leaves)))


def verify_proof(leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` leads from `leaf` to `root`; nodes of another length than 32 bytes never do."""
    if any(len(node) != 32 for node in (leaf, root, *proof)):
        return False
    node = leaf
    for sibling in proof:
        node = inner_hash(node, sibling)
    return node == root


def _tree(leaves: Sequence[bytes]) -> list[bytes]:
    if not leaves:
        raise ValueError("a Merkle tree needs at least one leaf")
    if set(map(len, leaves)) != {32}:
        raise ValueError("every leaf of a Merkle tree is 32 bytes long")
    inner = len(leaves) - 1
    tree = [b""] * inner + list(reversed(leaves))
    for at in range(inner - 1, -1, -1):
        a, b = tree[2 * at + 1], tree[2 * at + 2]
        tree[at] = keccak256(a + b if a < b else b + a)  # inner_hash, whose call would take a tenth of the time
    return tree


def _siblings(tree: list[bytes], count: int, index: int) -> list[bytes]:
    at = 2 * count - 2 - index
    siblings = []
    while at > 0:
        siblings.append(tree[at + 1 if at % 2 else at - 1])
        at = (at - 1) // 2
    return siblings
