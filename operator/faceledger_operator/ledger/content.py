"""Whether a content store has what a record names, before anything is said about it on a chain.

In: the URL of Kubo's API and CIDs. Out: nothing, or a ContentError that names the CID. Invariant: the workload adds
artefacts and the operator only asks; it reads no artefact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from faceledger_contracts.content import ContentStoreUnreachable
from faceledger_contracts.kubo import Kubo

__all__ = ["check_content_api", "ensure_pinned"]

REQUEST_SECONDS = 10.0
"""Kubo answers these questions in milliseconds unless it has to fetch a block from others."""

_PINNING_THREADS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="pinning")
"""Threads of their own: a block that nobody has keeps one busy for a while, and other work must not wait for that."""


async def ensure_pinned(api: str, cids: Sequence[str]) -> None:
    """Returns once all CIDs are pinned, pinning what is not. Raises ContentError, naming the CID that is not."""
    await asyncio.get_running_loop().run_in_executor(_PINNING_THREADS, _pin_all, api, tuple(cids))


async def check_content_api(api: str) -> None:
    """Raises ContentError unless a Kubo answers at this URL."""
    await asyncio.to_thread(_ask_version, api)


def _pin_all(api: str, cids: Sequence[str]) -> None:
    with _open(api) as kubo:
        for cid in cids:
            if not kubo.is_pinned(cid):
                kubo.pin(cid)


def _ask_version(api: str) -> None:
    with _open(api) as kubo:
        kubo.version()


def _open(api: str) -> Kubo:
    try:
        return Kubo(api, timeout=REQUEST_SECONDS)
    except ValueError as error:
        raise ContentStoreUnreachable(str(error)) from None
