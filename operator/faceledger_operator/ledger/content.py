"""Whether the content stores have what a record names, before anything is said about it on a chain.

In: the URLs of Kubo's APIs, how many of them are needed, and CIDs. Out: nothing, or a ContentError that names the CID.
Invariant: the workload adds artefacts; the operator only asks, and gives a node that lacks a file what another one has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from faceledger_contracts.content import ContentError, ContentStoreUnreachable
from faceledger_contracts.kubo import Kubo
from faceledger_contracts.replicas import Mended, Replicas

__all__ = ["ContentNodes", "check_content", "ensure_pinned", "mend", "open_nodes"]

REQUEST_SECONDS = 10.0
"""Kubo answers these questions in milliseconds unless it has to fetch a block from others."""

_PINNING_THREADS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="pinning")
"""Threads of their own: a block that nobody has keeps one busy for a while, and other work must not wait for that."""


@dataclass(frozen=True)
class ContentNodes:
    """Kubo's APIs, and on how many of them an artefact must be pinned."""

    apis: tuple[str, ...]
    needed: int = 1


async def ensure_pinned(nodes: ContentNodes, cids: Sequence[str]) -> None:
    """Returns once all CIDs are pinned on enough nodes, pinning what is not. Raises ContentError, naming the CID."""
    await asyncio.get_running_loop().run_in_executor(_PINNING_THREADS, _pin_all, nodes, tuple(cids))


async def mend(nodes: ContentNodes, cids: Sequence[str], whole: bool) -> Mended:
    """Gives nodes that lack one of the files what others have of it; what was wrong, by node. `whole`: every block of
    every file is read. Raises ContentError for what no node has."""
    return await asyncio.get_running_loop().run_in_executor(_PINNING_THREADS, _mend_all, nodes, tuple(cids), whole)


async def check_content(nodes: ContentNodes) -> tuple[str | None, ...]:
    """Each node's peer id, None where it does not answer; raises ContentError unless enough of them do."""
    answers = await asyncio.gather(*(asyncio.to_thread(_ask_identity, api) for api in nodes.apis))
    problems = [answer for answer in answers if isinstance(answer, ContentError)]
    if len(answers) - len(problems) < nodes.needed:
        raise ContentStoreUnreachable("; ".join(map(str, problems)))
    return tuple(None if isinstance(answer, ContentError) else answer for answer in answers)


def open_nodes(nodes: ContentNodes) -> Replicas:
    """The nodes, to be closed by the caller; ContentStoreUnreachable for what is no URL of one."""
    try:
        return Replicas.at(nodes.apis, nodes.needed, REQUEST_SECONDS)
    except ValueError as error:
        raise ContentStoreUnreachable(str(error)) from None


def _pin_all(nodes: ContentNodes, cids: Sequence[str]) -> None:
    with open_nodes(nodes) as replicas:
        for cid in cids:
            replicas.ensure_pinned(cid)


def _mend_all(nodes: ContentNodes, cids: Sequence[str], whole: bool) -> Mended:
    mended: dict[str, ContentError] = {}
    with open_nodes(nodes) as replicas:
        for cid in cids:
            if whole or not all(_has_pinned(node, cid) for node in replicas.nodes):
                mended.update(replicas.mend(cid))
    return mended


def _has_pinned(node: Kubo, cid: str) -> bool:
    """Also False of a node that does not answer: mending asks the others."""
    try:
        return node.is_pinned(cid)
    except ContentError:
        return False


def _ask_identity(api: str) -> str | ContentError:
    try:
        with Kubo(api, timeout=REQUEST_SECONDS) as kubo:
            return kubo.identity()
    except ContentError as problem:
        return problem
    except ValueError as error:
        return ContentStoreUnreachable(str(error))
