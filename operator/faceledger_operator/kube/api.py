"""The one client of the API server: objects are plain dictionaries, answers are objects or one of three errors.

In: a `Kind`, a namespace, names, bodies. Out: objects as the API server returned them; `None` where there is none.
Invariants: this client never repeats a request by itself; whoever reconciles looks again. A write that was sent is
waited for, also when whoever asked for it is cancelled: nothing is under way once `settle` has returned.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, Self

from aiohttp import ClientError, ClientTimeout
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config

from .. import metrics
from .errors import ApiConflictError, ApiRefusedError, ApiUnavailableError
from .kinds import Kind

__all__ = ["FIELD_MANAGER", "Kube", "Object"]

FIELD_MANAGER = "faceledger"
"""Owner of the fields that the operator applies."""

REQUEST_SECONDS = 20.0
"""A request without an answer for so long counts as unanswered; the API server's own limit is 60 s."""

Object = dict[str, Any]

_Query = Mapping[str, str]
_Patch = list[Object]

_JSON = "application/json"
_JSON_PATCH = "application/json-patch+json"
_APPLY_PATCH = "application/apply-patch+yaml"


class Kube:
    """Reads and writes objects. Safe for use by many tasks of one event loop at once."""

    def __init__(self, client: ApiClient, fence: Callable[[], None] | None = None) -> None:
        """`fence` is called before every write and raises where this process may not write (any more)."""
        self._client = client
        self._fence = fence
        self._writes: set[asyncio.Task[Object | None]] = set()

    @classmethod
    async def connect(
        cls, kubeconfig: str | None = None, fence: Callable[[], None] | None = None, agent: str = FIELD_MANAGER
    ) -> Self:
        """A client with the pod's service account, or with a kubeconfig file where one is given.

        `agent`: what it calls itself to the API server, whose audit log then tells replicas apart.
        """
        configuration = Configuration()
        if kubeconfig:
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=kubeconfig, client_configuration=configuration
            )
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        configuration.retries = None
        client = ApiClient(configuration)
        client.user_agent = agent
        return cls(client, fence)

    async def settle(self) -> None:
        """Returns when every write that was sent is answered, or has gone unanswered too long."""
        if self._writes:
            await asyncio.wait(self._writes)

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None where there is none."""
        return await self._request("GET", kind.path(namespace, name), missing_is_none=True)

    async def knows(self, kind: Kind, namespace: str | None) -> bool:
        """Whether the API server serves the kind, and to us. Reads one object at most."""
        return await self._request("GET", kind.path(namespace), query={"limit": "1"}, missing_is_none=True) is not None

    async def list(self, kind: Kind, namespace: str | None, labels: Mapping[str, str] | None = None) -> list[Object]:
        """The objects of a namespace (None: of all namespaces) that carry all of `labels`."""
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        answer = await self._request("GET", kind.path(namespace), query={"labelSelector": selector} if selector else {})
        items: list[Object] = (answer or {}).get("items") or []
        return items

    async def create(self, kind: Kind, body: Object) -> Object:
        """Creates the object; `ApiConflictError` where one of that name exists."""
        return _present(
            await self._request(
                "POST",
                kind.path(body["metadata"]["namespace"]),
                query={"fieldManager": FIELD_MANAGER},
                body=_typed(kind, body),
            )
        )

    async def apply(self, kind: Kind, body: Object, force: bool = True) -> Object:
        """Server-side apply: creates the object, or sets the fields in `body` and drops those that we set before."""
        metadata = body["metadata"]
        return _present(
            await self._request(
                "PATCH",
                kind.path(metadata["namespace"], metadata["name"]),
                query={"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"},
                body=_typed(kind, body),
                content_type=_APPLY_PATCH,
            )
        )

    async def replace(self, kind: Kind, body: Object) -> Object:
        """Replaces the whole object; `ApiConflictError` unless `metadata.resourceVersion` is still the current one."""
        metadata = body["metadata"]
        return _present(
            await self._request(
                "PUT",
                kind.path(metadata["namespace"], metadata["name"]),
                query={"fieldManager": FIELD_MANAGER},
                body=_typed(kind, body),
            )
        )

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        """Deletes the object. With `uid`, only that very one; that it is gone already is what was wanted.

        With `resource_version`: `ApiConflictError` where the object changed since it was read.
        """
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        wanted = {"uid": uid, "resourceVersion": resource_version}
        if preconditions := {key: value for key, value in wanted.items() if value}:
            options["preconditions"] = preconditions
        try:
            await self._request("DELETE", kind.path(namespace, name), body=options, missing_is_none=True)
        except ApiConflictError:
            if uid is None or resource_version is not None:
                raise

    async def patch_status(
        self, kind: Kind, namespace: str, name: str, status: Object, resource_version: str | None
    ) -> Object | None:
        """Replaces the whole status; None where the object is gone.

        With `resource_version`: `ApiConflictError` where the object changed since it was read.
        """
        patch: _Patch = [{"op": "add", "path": "/status", "value": status}]
        if resource_version:
            # Not a `test` operation: a failed one answers 422, which reads like a mistake of ours.
            patch.insert(0, {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version})
        return await self._request(
            "PATCH",
            kind.path(namespace, name, "status"),
            query={"fieldManager": FIELD_MANAGER},
            body=patch,
            content_type=_JSON_PATCH,
            missing_is_none=True,
        )

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: _Query | None = None,
        body: Object | _Patch | None = None,
        content_type: str = _JSON,
        missing_is_none: bool = False,
    ) -> Object | None:
        if method != "GET" and self._fence:
            self._fence()
        answer = self._exchange(method, path, query or {}, body, content_type, missing_is_none)
        return await (answer if method == "GET" else self._write(answer))

    async def _write(self, answer: Coroutine[Any, Any, Object | None]) -> Object | None:
        task = asyncio.create_task(answer)
        self._writes.add(task)
        task.add_done_callback(self._end_write)
        return await asyncio.shield(task)

    def _end_write(self, task: asyncio.Task[Object | None]) -> None:
        self._writes.discard(task)
        # Looked at, for the case that nobody waits any more: the next look meets what became of it.
        _ = task.cancelled() or task.exception()

    async def _exchange(
        self, method: str, path: str, query: _Query, body: object, content_type: str, missing_is_none: bool
    ) -> Object | None:
        status, begun = 0, time.perf_counter()
        try:
            status, payload = await self._send(method, path, query, body, content_type)
        except (ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailableError(f"{method} {path}: {type(error).__name__}: {error}") from error
        finally:
            metrics.note_request(method, status, time.perf_counter() - begun)
        if status == 404 and missing_is_none:
            return None
        if 200 <= status <= 299:
            answer: Object = json.loads(payload)
            return answer
        raise _error(status, payload, f"{method} {path}")

    async def _send(self, method: str, path: str, query: _Query, body: object, content_type: str) -> tuple[int, bytes]:
        request = await self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": _JSON, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        response = await self._client.call_api(*request, _request_timeout=ClientTimeout(total=REQUEST_SECONDS))
        return response.status, await response.read()  # type: ignore[no-untyped-call]


def _typed(kind: Kind, body: Object) -> Object:
    return {**body, "apiVersion": kind.api_version, "kind": kind.kind}


def _present(answer: Object | None) -> Object:
    assert answer is not None
    return answer


def _error(status: int, payload: bytes, request: str) -> Exception:
    message = f"{request}: {_message(payload) or status}"
    if status == 409:
        return ApiConflictError(message)
    if status == 429 or status >= 500:
        return ApiUnavailableError(message)
    return ApiRefusedError(status, message)


def _message(payload: bytes) -> str:
    """The API server's own words (a meta/v1 Status), or the start of what a proxy in between said."""
    try:
        return str(json.loads(payload)["message"])
    except (ValueError, KeyError, TypeError):
        return payload[:200].decode(errors="replace")
