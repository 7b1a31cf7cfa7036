"""Several IPFS nodes as one: what is added is on enough of them, what is read comes from any that has it.

In: nodes, and on how many of them a file must be. Out: CIDs and files. Invariant: a node that is away or holds wrong
blocks costs nothing but its copy while enough others are well, and a copy is made of blocks that were hashed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from faceledger_contracts import cid as cids
from faceledger_contracts.blocks import walk, write_file
from faceledger_contracts.content import ContentCorrupt, ContentError, ContentStoreUnreachable, ContentUnavailable
from faceledger_contracts.kubo import Kubo

__all__ = ["Mended", "Replicas"]

Mended = Mapping[str, ContentError]
"""What was wrong with a file, by the URL of the node where it was, and is mended now."""


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

    def mend(self, cid: str) -> Mended:
        """Reads every block of the file on every node that answers, and gives each what it lacks from one that has it.

        Raises ContentError for a block that no node has, and ContentStoreUnreachable where none answers.
        """
        mending = _Mending(cid, self)
        for _ in walk(cid, mending.from_any):
            pass
        return mending.end()

    def restore(self, cid: str, path: str | Path) -> Mended:
        """The same from a file that somebody kept. ContentCorrupt, and nothing is written, unless it has this CID."""
        found = cids.cid_of_file(path)
        if found != cid:
            raise ContentCorrupt(f"{cid}: {Path(path).name} has the CID {found}")
        mending = _Mending(cid, self)
        with Path(path).open("rb") as file:
            for current, block in cids.blocks_of_stream(file):
                mending.to_all(current, block)
        return mending.end()

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


class _Mending:
    """One file on its way back to nodes that lack some of it. A node that fails is not asked again."""

    def __init__(self, cid: str, replicas: Replicas) -> None:
        self._cid = cid
        self._needed = replicas.needed
        self._answering = list(replicas.nodes)
        self._failed: list[ContentError] = []
        self._found: dict[Kubo, ContentError] = {}
        """What was wrong first, by node. Such a node does not pin the file meanwhile, else it would keep the block."""

    def from_any(self, current: bytes) -> bytes:
        """The block from a node that has it, which all others have then, too."""
        block, lacking = self._ask(current)
        if block is None:
            raise _telling([*lacking.values(), *self._failed])
        self._give(current, block, lacking)
        return block

    def to_all(self, current: bytes, block: bytes) -> None:
        """The block to all that lack it."""
        self._give(current, block, self._ask(current)[1])

    def end(self) -> Mended:
        """Pins the file wherever it is whole now."""
        for node in tuple(self._answering):
            with self._failing(node):
                if not node.is_pinned(self._cid):
                    self._found.setdefault(node, ContentUnavailable(f"{self._cid}: not pinned at {node}"))
                    node.pin(self._cid)
        if len(self._answering) < self._needed:
            raise _telling(self._failed)
        return {str(node): self._found[node] for node in self._answering if node in self._found}

    def _ask(self, current: bytes) -> tuple[bytes | None, dict[Kubo, ContentError]]:
        block, lacking = None, dict[Kubo, ContentError]()
        for node in tuple(self._answering):
            try:
                block = node.block(current, own=True)
            except ContentStoreUnreachable as problem:
                self._drop(node, problem)
            except ContentError as problem:
                lacking[node] = problem
        return block, lacking

    def _give(self, current: bytes, block: bytes, lacking: Mapping[Kubo, ContentError]) -> None:
        for node, problem in lacking.items():
            with self._failing(node):
                if self._found.setdefault(node, problem) is problem:
                    node.unpin(self._cid)
                node.replace_block(current, block)

    @contextmanager
    def _failing(self, node: Kubo) -> Iterator[None]:
        try:
            yield
        except ContentError as problem:
            self._drop(node, problem)

    def _drop(self, node: Kubo, problem: ContentError) -> None:
        self._answering.remove(node)
        self._failed.append(problem)


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
