"""The API server's part in a ledger's life, in a folder: objects with versions that outlive whoever wrote them.

In: the five requests that the ledger makes. Out: objects, or the API's conflicts. Invariant: a file is there whole or
not at all, so a process may be killed between any two instructions of a write.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

from faceledger_operator.kube.errors import ApiConflictError
from faceledger_operator.kube.kinds import Kind

__all__ = ["FolderKube"]

Object = dict[str, Any]


class FolderKube:
    """One writer at a time, as the leader lease grants it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        await asyncio.sleep(0)
        try:
            found: Object = json.loads(self._path(kind, namespace, name).read_bytes())
        except FileNotFoundError:
            return None
        return found

    async def create(self, kind: Kind, body: Object) -> Object:
        metadata = body["metadata"]
        if await self.get(kind, metadata["namespace"], metadata["name"]) is not None:
            raise ApiConflictError("exists")
        return self._store(kind, {**body, "metadata": {"uid": f"uid-{time.time_ns()}", **metadata}})

    async def replace(self, kind: Kind, body: Object) -> Object:
        metadata = body["metadata"]
        stored = await self.get(kind, metadata["namespace"], metadata["name"])
        if stored is None or stored["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            raise ApiConflictError("changed")
        return self._store(kind, {**body, "metadata": {**metadata, "uid": stored["metadata"]["uid"]}})

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str | None = None) -> None:
        await asyncio.sleep(0)
        self._path(kind, namespace, name).unlink(missing_ok=True)

    def put(self, kind: Kind, body: Object) -> Object:
        """Stores an object as a user would."""
        metadata = {"uid": f"uid-{body['metadata']['name']}", **body["metadata"]}
        return self._store(kind, {**body, "metadata": metadata})

    def _store(self, kind: Kind, body: Object) -> Object:
        metadata = body["metadata"]
        path = self._path(kind, metadata["namespace"], metadata["name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = {**body, "metadata": {**metadata, "resourceVersion": str(time.time_ns())}}
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_text(json.dumps(stored))
        aside.replace(path)
        return stored

    def _path(self, kind: Kind, namespace: str, name: str) -> Path:
        return self._folder / kind.plural / namespace / f"{name}.json"
