"""Artefacts from an IPFS node, directly or through the API server.

In: an endpoint of Kubo's RPC API. Out: a `ContentReader` that hashes every block. Invariant: whatever stands between,
bytes that are not those of the CID are never written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import requests
from faceledger_contracts import cid as cids
from faceledger_contracts.blocks import BlockOf, checked_block, write_file
from faceledger_contracts.content import ContentError, ContentReader, ContentUnavailable
from faceledger_contracts.kubo import Kubo

from .cluster import Endpoint
from .errors import CommandError

__all__ = ["open_content"]

TIMEOUT_SECONDS = 30.0
"""For one block of at most 1 MiB, which the node may have to fetch from another one."""


def open_content(*endpoints: Endpoint) -> ContentReader:
    """A reader that takes each block from the first endpoint that has it; CommandError for a URL of no IPFS node."""
    return _Blocks([_source(endpoint) for endpoint in endpoints])


def _source(endpoint: Endpoint) -> BlockOf:
    if endpoint.session is not None:
        return _ProxiedBlocks(endpoint.url.rstrip("/"), endpoint.session).block
    try:
        return Kubo(endpoint.url, timeout=TIMEOUT_SECONDS).block
    except ValueError as error:
        raise CommandError(f"--ipfs: {error}") from None


class _Blocks:
    """Files, put together from what several sources have."""

    def __init__(self, sources: Sequence[BlockOf]) -> None:
        self._sources = sources

    def get(self, cid: str, writer: BinaryIO) -> None:
        write_file(cid, self._block, writer)

    def _block(self, cid: bytes) -> bytes:
        problems: list[ContentError] = []
        for source in self._sources:
            try:
                return source(cid)
            except ContentError as problem:
                problems.append(problem)
        raise problems[0]


class _ProxiedBlocks:
    """Kubo's `block/get` behind a path, which the library of `Kubo` cannot address."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    def block(self, cid: bytes) -> bytes:
        name = cids.encode_cid(cid)
        try:
            answer = self._session.post(f"{self._url}/api/v0/block/get", params={"arg": name}, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise ContentUnavailable(f"{name}: {type(error).__name__} through the API server") from None
        if answer.status_code != 200:
            raise ContentUnavailable(f"{name}: HTTP {answer.status_code} through the API server")
        return checked_block(cid, answer.content)
