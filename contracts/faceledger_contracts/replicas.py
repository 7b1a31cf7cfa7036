"""Several IPFS nodes as one: what is added is on enough of them, what is read comes from any that has it.

In: nodes, and on how many of them a file must be. Out: CIDs and files. Invariant: a node that is away or holds wrong
blocks costs nothing but its copy while enough others are well, and a copy is made of blocks that were hashed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from faceledger_contracts.blocks import walk, write_file
from faceledger_contracts.content import ContentError, ContentStoreUnreachable
from faceledger_contracts.kubo import Kubo

__all__ = ["Replicas"]


class Replicas:
    """IPFS nodes of which at least `needed` must have a file. Not to be shared between threads."""

    def __init__(self, nodes: Sequence[Kubo], needed: int) -> None:
        if not 1 <= needed <= len(nodes):
            raise ValueError(f"{needed} of {len(nodes)} IPFS nodes cannot be asked for")
        self.nodes = tuple(nodes)
        self.needed = needed
        self._order = list(self.nodes)

    @classmethod
    def at(cls, urls: Iterable[str], needed: int, timeout: float = 30.0) -> Replicas:
        """The nodes at these URLs; ValueError for what is no URL of a node."""
        return cls([Kubo(url, timeout=timeout) for url in urls], needed)

    def __enter__(self) -> Replicas:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for node in self.nodes:
            node.close()

    def add(self, path: str | Path) -> str:
        """Adds the file to every node and pins it there; its CID once enough have it. Raises what too many met."""
        return self._on_enough(lambda node: node.add(path))

    def get(self, cid: str, writer: BinaryIO) -> None:
        """Writes the file behind `cid`, each block from the first node that has it."""
        write_file(cid, self._block, writer)

    def ensure_pinned(self, cid: str) -> None:
        """Returns once enough nodes have pinned the file. A node that cannot get it itself is given it by another."""
        have: list[Kubo] = []
        lacking: list[Kubo] = []
        problems: list[ContentError] = []
        for node in self.nodes:
            if len(have) == self.needed:
                return
            try:
                if not node.is_pinned(cid):
                    node.pin(cid)
                have.append(node)
            except ContentError as problem:
                lacking.append(node)
                problems.append(problem)
        if len(have) < self.needed:
            self._spread(cid, have, lacking, problems)

    def copy(self, cid: str, target: Kubo) -> None:
        """Gives one node the file, block by block from the others, and has it pinned there."""
        sources = [node for node in self._order if node is not target]
        for current, block in walk(cid, lambda wanted: _first(sources, wanted)[0]):
            target.put_block(current, block)
        target.pin(cid)

    def _spread(
        self, cid: str, have: Sequence[Kubo], lacking: Sequence[Kubo], problems: Sequence[ContentError]
    ) -> None:
        """From those that have it to those that lack it, until enough have it."""
        missing = self.needed - len(have)
        for node in lacking if have else ():
            with suppress(ContentError):
                self.copy(cid, node)
                missing -= 1
            if not missing:
                return
        raise _telling(problems)

    def _block(self, cid: bytes) -> bytes:
        """From the node that answered the last time, else from any other."""
        block, node = _first(self._order, cid)
        if node is not self._order[0]:
            self._order.remove(node)
            self._order.insert(0, node)
        return block

    def _on_enough(self, act: Callable[[Kubo], str]) -> str:
        answers, problems = set[str](), list[ContentError]()
        done = 0
        for node in self.nodes:
            try:
                answers.add(act(node))
                done += 1
            except ContentError as problem:
                problems.append(problem)
        if done < self.needed:
            raise _telling(problems)
        (answer,) = answers
        return answer


def _first(sources: Sequence[Kubo], cid: bytes) -> tuple[bytes, Kubo]:
    """The block, from the first that has it."""
    problems: list[ContentError] = []
    for node in sources:
        try:
            return node.block(cid), node
        except ContentError as problem:
            problems.append(problem)
    raise _telling(problems)


def _telling(problems: Sequence[ContentError]) -> ContentError:
    """The problem that tells most: that of a node that answers, rather than of one that does not."""
    return next((x for x in problems if not isinstance(x, ContentStoreUnreachable)), problems[0])
