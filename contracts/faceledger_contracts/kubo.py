"""The one client of an IPFS node (Kubo's RPC API).

In: files and CIDs. Out: CIDs that we computed ourselves, and files whose every block we hashed. Invariant: the node
is believed about nothing: Kubo answers 200 with short or wrong bytes when a block is damaged, and its `pin verify`
says ok. The library behind it, ipfshttpclient, has no maintainer, so nothing else imports it.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from faceledger_contracts import cid as cids
from faceledger_contracts.blocks import checked_block, write_file
from faceledger_contracts.content import ContentCorrupt, ContentError, ContentStoreUnreachable, ContentUnavailable
from faceledger_contracts.redaction import redact_url

# The library's own switch: without it, it replaces parts of requests that urllib3 no longer has.
os.environ.setdefault("PY_IPFS_HTTP_CLIENT_PATCH_REQUESTS", "no")
import ipfshttpclient
from ipfshttpclient import exceptions as ipfs

__all__ = ["ContentCorrupt", "ContentError", "ContentStoreUnreachable", "ContentUnavailable", "Kubo"]

_ADD_OPTIONS = {"cid_version": 1, "raw_leaves": True, "chunker": f"size-{cids.CHUNK_BYTES}"}


class Kubo:
    """A Kubo node at `url` (http or https, user info is sent as basic authentication).

    `timeout` is in seconds, for connecting and between two bytes of an answer. Every method raises
    ContentStoreUnreachable when no Kubo answers at `url`, ContentUnavailable for what it does not have (in time), and
    ValueError for what is no CID of ours. Not to be shared between threads.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._shown = redact_url(url)
        self._client = ipfshttpclient.Client(_multiaddr(url), timeout=timeout, auth=auth, session=True)

    def __enter__(self) -> Kubo:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def __str__(self) -> str:
        """Its URL without credentials."""
        return self._shown

    def identity(self) -> str:
        """The node's peer id: it belongs to the repository, so one that was wiped comes back with another."""
        with self._failures("identity", alone=True):
            return str(self._client.id()["ID"])

    def add(self, path: str | Path) -> str:
        """Adds and pins the file at `path`; answers its CID. ContentCorrupt if the node computed another one."""
        ours = cids.cid_of_file(path)
        with self._failures(ours):
            theirs = str(self._client.add(str(path), pin=True, **_ADD_OPTIONS)["Hash"])
        if theirs != ours:
            raise ContentCorrupt(f"{ours}: the node at {self._shown} stored the file as {theirs}")
        return ours

    def get(self, cid: str, writer: BinaryIO) -> None:
        """Writes the file behind `cid`, block by block, each hashed. ContentCorrupt names the block that differs."""
        write_file(cid, self.block, writer)

    def block(self, current: bytes, *, own: bool = False) -> bytes:
        """The block of a binary CID, hashed; ContentCorrupt where it is another one. `own`: no other node is asked."""
        name = cids.encode_cid(current)
        with self._failures(name, alone=own):
            block = bytes(self._client.block.get(name, opts={"offline": "true"} if own else {}))
        return checked_block(current, block)

    def put_block(self, current: bytes, block: bytes) -> None:
        """Stores a block, which nothing pins yet. ContentCorrupt if the node computed another CID."""
        name, codec = cids.encode_cid(current), "raw" if cids.codec(current) == cids.RAW else "dag-pb"
        options = {"cid-codec": codec, "mhtype": "sha2-256"}
        with self._failures(name):
            theirs = str(self._client.block.put(BytesIO(block), opts=options)["Key"])
        if theirs != name:
            raise ContentCorrupt(f"{name}: the node at {self._shown} stored the block as {theirs}")

    def replace_block(self, current: bytes, block: bytes) -> None:
        """Stores a block of a file that is not pinned, in place of what the node takes for it: Kubo writes none that
        it believes to have."""
        name = cids.encode_cid(current)
        with self._failures(name):
            # The library knows no command for this one.
            self._client._client.request("/block/rm", (name,), opts={"force": "true"}, decoder="json")
        self.put_block(current, block)

    def pin(self, cid: str) -> None:
        """Keeps `cid` from garbage collection, fetching what the node lacks."""
        cids.decode_cid(cid)
        with self._failures(cid):
            self._client.pin.add(cid)

    def is_pinned(self, cid: str) -> bool:
        """Whether the node has pinned `cid`. It may still lack blocks: only `get` tells."""
        cids.decode_cid(cid)
        try:
            with self._failures(cid, alone=True):
                self._client.pin.ls(cid, type="recursive")
        except _NotPinnedError:
            return False
        return True

    def unpin(self, cid: str) -> None:
        """Lets the node forget `cid`; nothing happens if it was not pinned."""
        cids.decode_cid(cid)
        try:
            with self._failures(cid):
                self._client.pin.rm(cid)
        except _NotPinnedError:
            return

    @contextmanager
    def _failures(self, cid: str, *, alone: bool = False) -> Iterator[None]:
        """Turns the library's errors into ours. Their messages hold the URL, so ours take the node's words alone.
        `alone`: no other node is asked, so an answer that is late says nothing of the file."""
        try:
            yield
        except ipfs.ErrorResponse as error:
            raise self._refusal(cid, str(error.args[0])) from None
        except ipfs.TimeoutError:
            kind = ContentStoreUnreachable if alone else ContentUnavailable
            raise kind(f"{cid}: no answer in time from {self._shown}") from None
        except ipfs.Error as error:
            raise ContentStoreUnreachable(f"{cid}: {type(error).__name__} at {self._shown}") from None

    def _refusal(self, cid: str, message: str) -> ContentError:
        if "not pinned" in message:
            return _NotPinnedError(f"{cid}: not pinned at {self._shown}")
        if "different hash" in message:
            return ContentCorrupt(f"{cid}: {message}")
        return ContentUnavailable(f"{cid}: {self._shown} answers: {message}")


class _NotPinnedError(ContentError):
    pass


def _multiaddr(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{redact_url(url)} is no http or https URL of an IPFS node")
    if parts.path.strip("/"):
        raise ValueError(f"{redact_url(url)}: an IPFS node's URL has no path")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"/{_address_protocol(host)}/{host}/tcp/{port}/{parts.scheme}"


def _address_protocol(host: str) -> str:
    try:
        return f"ip{ipaddress.ip_address(host).version}"
    except ValueError:
        return "dns"
