"""Ethereum's Merkle Patricia trie over a list, as a block holds its transactions and its receipts.

In: encoded values; their places are the keys. Out: the root that a header names, and the nodes that prove one place.
Source: Ethereum Yellow Paper, appendix D. Invariant: `value_at` believes no node that the root does not hash to, and
takes no proof with a node too many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, takewhile
from typing import Any

from faceledger_contracts import rlp
from faceledger_contracts.canonical import keccak256

__all__ = ["TrieError", "prove", "value_at"]


class TrieError(ValueError):
    """Nodes prove nothing of a place under a root."""


def prove(values: Sequence[bytes], index: int) -> tuple[bytes, list[bytes]]:
    """The root over `values` (at least one), and the nodes that lead to the value at `index`, the root's first."""
    nodes: dict[bytes, bytes] = {}
    root = _kept(_node(sorted((_key(i), value) for i, value in enumerate(values)), nodes), nodes)
    path: list[bytes] = []

    def visit(reference: bytes) -> bytes:
        path.append(nodes[reference])
        return nodes[reference]

    _find(root, _key(index), visit)
    return root, path


def value_at(root: bytes, index: int, proof: Sequence[bytes]) -> bytes:
    """The value at `index` of the list with this 32-byte root; TrieError if `proof` does not show it."""
    rest = list(reversed(proof))

    def next_node(reference: bytes) -> bytes:
        if not rest or keccak256(rest[-1]) != reference:
            raise TrieError(f"node {len(proof) - len(rest)} of the proof does not have the hash that leads to it")
        return rest.pop()

    try:
        value = _find(root, _key(index), next_node)
    except TrieError:
        raise
    except (ValueError, IndexError, TypeError) as error:
        raise TrieError(f"a node of the proof is none of a trie: {type(error).__name__}") from error
    if rest:
        raise TrieError(f"{len(rest)} nodes of the proof are not needed")
    return value


_Nibbles = tuple[int, ...]


def _key(index: int) -> _Nibbles:
    return tuple(nibble for byte in rlp.encode(rlp.number_bytes(index)) for nibble in divmod(byte, 16))


def _common(one: _Nibbles, other: _Nibbles) -> _Nibbles:
    return tuple(nibble for nibble, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _node(items: Sequence[tuple[_Nibbles, bytes]], nodes: dict[bytes, bytes]) -> list[Any]:
    """The node over `items` (key without what leads here, value), in the order of their keys."""
    key, value = items[0]
    if len(items) == 1:
        return [_with_prefix(key, leaf=True), value]
    shared = _common(key, items[-1][0])
    if shared:
        below = [(path[len(shared) :], one) for path, one in items]
        return [_with_prefix(shared, leaf=False), _reference(_node(below, nodes), nodes)]
    branch: list[Any] = [b""] * 17
    for nibble, group in groupby(items, key=lambda item: item[0][0]):
        branch[nibble] = _reference(_node([(path[1:], one) for path, one in group], nodes), nodes)
    return branch


def _reference(node: list[Any], nodes: dict[bytes, bytes]) -> Any:
    """What a parent holds of a child: the child itself where that is shorter than a hash."""
    return node if len(rlp.encode(node)) < 32 else _kept(node, nodes)


def _kept(node: list[Any], nodes: dict[bytes, bytes]) -> bytes:
    encoded = rlp.encode(node)
    nodes[keccak256(encoded)] = encoded
    return keccak256(encoded)


def _find(root: bytes, key: _Nibbles, fetch: Callable[[bytes], bytes]) -> bytes:
    node: Any = rlp.decode(fetch(root))
    while True:
        if len(node) == 17:
            child, key = node[key[0]], key[1:]
        else:
            path, content = node
            nibbles, leaf = _without_prefix(path)
            if key[: len(nibbles)] != nibbles or (leaf and len(key) != len(nibbles)):
                raise TrieError("the proof leads to another place")
            if leaf:
                return bytes(content)
            child, key = content, key[len(nibbles) :]
        node = rlp.decode(fetch(child)) if isinstance(child, bytes) else child


def _with_prefix(nibbles: _Nibbles, *, leaf: bool) -> bytes:
    """The hex-prefix encoding: two flags, then the nibbles."""
    flags = 2 * leaf + len(nibbles) % 2
    padded = (flags, *nibbles) if len(nibbles) % 2 else (flags, 0, *nibbles)
    return bytes(16 * high + low for high, low in zip(padded[::2], padded[1::2], strict=True))


def _without_prefix(path: bytes) -> tuple[_Nibbles, bool]:
    nibbles = tuple(nibble for byte in path for nibble in divmod(byte, 16))
    return nibbles[1 if nibbles[0] % 2 else 2 :], nibbles[0] >= 2
