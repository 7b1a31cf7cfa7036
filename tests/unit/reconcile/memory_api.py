"""An API server in memory, with what the reconcilers rely on, and with faults on demand.

It keeps resource versions, generations, status apart from spec, labels, uid preconditions and owner references. `fail`
makes one call, counted from 0, raise `ApiUnavailableError`: before it has its effect or after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from itertools import count
from typing import Any, Literal

from faceledger_operator.kube.errors import ApiConflictError, ApiUnavailableError
from faceledger_operator.kube.kinds import Kind

Object = dict[str, Any]
When = Literal["before", "after"]


class MemoryApi:
    """Answers like `Kube`."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.calls = 0
        self.writes: list[str] = []
        self.fail: tuple[int, When] | None = None
        self._versions = count(1)
        self._uids = count(1)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        with self._call():
            return deepcopy(self.objects.get((kind.kind, namespace, name)))

    async def list(
        self, kind: Kind, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[Object]:  # fmt: skip
        with self._call():
            return [
                deepcopy(found)
                for (of_kind, of_namespace, _), found in sorted(self.objects.items())
                if of_kind == kind.kind
                and namespace in {None, of_namespace}
                and (labels or {}).items() <= found["metadata"].get("labels", {}).items()
            ]

    async def create(self, kind: Kind, body: Object) -> Object:
        with self._call(f"create {kind.kind}"):
            key = self._key(kind, body)
            if key in self.objects:
                raise ApiConflictError(f"{key} exists")
            made = deepcopy(body)
            made["metadata"] |= {
                "uid": body["metadata"].get("uid") or f"uid-{next(self._uids)}",
                "creationTimestamp": "2026-01-02T12:00:00Z",
                "resourceVersion": str(next(self._versions)),
            }
            self.objects[key] = made
            return deepcopy(made)

    async def apply(self, kind: Kind, body: Object, force: bool = True) -> Object:
        """Of one owner of all metadata, as a ConfigMap has one: what is not said any more goes."""
        found = self.objects.get(self._key(kind, body))
        if found is None:
            return await self.create(kind, body)
        with self._call(f"apply {kind.kind}"):
            said = deepcopy(body["metadata"])
            if (
                said.pop("resourceVersion", found["metadata"]["resourceVersion"])
                != found["metadata"]["resourceVersion"]
            ):
                raise ApiConflictError("changed since it was read")
            if any(found["metadata"].get(field) != value for field, value in said.items()):
                self.change(found, metadata={**found["metadata"], **said})
            return deepcopy(found)

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        propagation: str = "Background",
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        with self._call(f"delete {kind.kind}"):
            found = self.objects.get((kind.kind, namespace, name))
            if found and resource_version not in {None, found["metadata"]["resourceVersion"]}:
                raise ApiConflictError("changed since it was read")
            if found and uid in {None, found["metadata"]["uid"]}:
                self.remove(found["metadata"]["uid"])

    async def patch_status(
        self, kind: Kind, namespace: str, name: str, status: Object, resource_version: str | None
    ) -> Object | None:
        with self._call(f"status {kind.kind}"):
            found = self.objects.get((kind.kind, namespace, name))
            if found is None:
                return None
            if resource_version not in {None, found["metadata"]["resourceVersion"]}:
                raise ApiConflictError("changed since it was read")
            self.change(found, status=deepcopy(status))
            return deepcopy(found)

    def change(self, found: Object, **parts: Any) -> None:
        """Changes parts of a stored object, as somebody else would."""
        if "spec" in parts:
            found["metadata"]["generation"] = found["metadata"].get("generation", 1) + 1
        found.update(parts)
        found["metadata"]["resourceVersion"] = str(next(self._versions))

    def remove(self, uid: str) -> None:
        """The object and, as the garbage collector would, all that it owns."""
        for key in [key for key, found in self.objects.items() if found["metadata"]["uid"] == uid]:
            del self.objects[key]
        for found in list(self.objects.values()):
            if uid in {owner["uid"] for owner in found["metadata"].get("ownerReferences", ())}:
                self.remove(found["metadata"]["uid"])

    def of(self, kind: Kind) -> list[Object]:
        """The stored objects themselves."""
        return [found for (of_kind, _, _), found in sorted(self.objects.items()) if of_kind == kind.kind]

    def _key(self, kind: Kind, body: Object) -> tuple[str, str, str]:
        return (kind.kind, body["metadata"]["namespace"], body["metadata"]["name"])

    def _call(self, write: str | None = None) -> _Call:
        return _Call(self, write)


class _Call:
    """One request: counted, and failed where it is its turn."""

    def __init__(self, api: MemoryApi, write: str | None) -> None:
        self._api = api
        self._write = write
        self._number = api.calls
        api.calls += 1

    def __enter__(self) -> None:
        if self._api.fail == (self._number, "before"):
            raise ApiUnavailableError("the connection was refused")

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None and self._write:
            self._api.writes.append(self._write)
        if error is None and self._api.fail == (self._number, "after"):
            raise ApiUnavailableError("the answer was lost")
