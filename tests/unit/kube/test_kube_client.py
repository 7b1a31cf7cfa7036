"""The client of the API server against a real HTTP server: what is asked, and what each answer becomes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from faceledger_operator.kube.api import Kube
from faceledger_operator.kube.errors import ApiConflictError, ApiRefusedError, ApiUnavailableError
from faceledger_operator.kube.kinds import CONFIG_MAP, FACE_DATASET, POD, RAY_JOB
from faceledger_operator.kube.lease import LeaseLostError
from kubernetes.aio.client import ApiClient, Configuration

OBJECT = {"metadata": {"namespace": "demo", "name": "staff", "resourceVersion": "7"}}


@dataclass
class Server:
    """Answers everything with `status` and `says`, and remembers what was asked."""

    status: int = 200
    says: Any = field(default_factory=lambda: OBJECT)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    content_type: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.asked.append((request.method, request.path_qs, json.loads(text) if text else None))
        self.content_type = request.headers.get("Content-Type", "")
        body = self.says if isinstance(self.says, str) else json.dumps(self.says)
        return web.Response(status=self.status, text=body, content_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    found = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield found, f"http://127.0.0.1:{port}"
    await runner.cleanup()


def client_of(url: str, fence: Any = None) -> Kube:
    configuration = Configuration(host=url)
    configuration.retries = None
    return Kube(ApiClient(configuration), fence)


@pytest.fixture
async def kube(server: tuple[Server, str]) -> AsyncIterator[tuple[Server, Kube]]:
    found, url = server
    client = client_of(url)
    yield found, client
    await client.close()


async def test_paths_are_those_of_the_kinds_group(kube: tuple[Server, Kube]) -> None:
    server, client = kube
    await client.get(POD, "demo", "p")
    await client.get(RAY_JOB, "demo", "r")
    assert [path for _, path, _ in server.asked] == [
        "/api/v1/namespaces/demo/pods/p",
        "/apis/ray.io/v1/namespaces/demo/rayjobs/r",
    ]


async def test_a_list_selects_by_all_labels_in_one_namespace_or_in_all(kube: tuple[Server, Kube]) -> None:
    server, client = kube
    server.says = {"items": [OBJECT]}
    labels = {"faceledger.dev/attempt": "a", "x": "y"}
    assert await client.list(POD, "demo", labels) == [OBJECT]
    await client.list(POD, None)
    (_, first, _), (_, second, _) = server.asked
    assert first.startswith("/api/v1/namespaces/demo/pods?labelSelector=")
    assert "faceledger.dev" in first
    assert second == "/api/v1/pods"


async def test_what_is_not_there_is_none_and_its_deletion_is_done(kube: tuple[Server, Kube]) -> None:
    server, client = kube
    server.status, server.says = 404, {"message": "not found"}
    assert await client.get(POD, "demo", "p") is None
    assert await client.patch_status(FACE_DATASET, "demo", "staff", {}, "7") is None
    await client.delete(POD, "demo", "p")


async def test_a_creation_says_kind_and_owner_of_fields(kube: tuple[Server, Kube]) -> None:
    server, client = kube
    await client.create(CONFIG_MAP, OBJECT)
    method, path, body = server.asked[0]
    assert (method, path) == ("POST", "/api/v1/namespaces/demo/configmaps?fieldManager=faceledger")
    assert (body["apiVersion"], body["kind"]) == ("v1", "ConfigMap")


async def test_an_apply_is_a_server_side_apply(kube: tuple[Server, Kube]) -> None:
    server, client = kube
    await client.apply(FACE_DATASET, OBJECT)
    method, path, body = server.asked[0]
    assert (method, server.content_type) == ("PATCH", "application/apply-patch+yaml")
    assert path.endswith("/facedatasets/staff?fieldManager=faceledger&force=true")
    assert body["apiVersion"] == "faceledger.dev/v1alpha1"


async def test_a_status_is_replaced_where_the_object_is_still_the_one_that_was_read(kube: tuple[Server, Kube]) -> None:
    server, client = kube
    await client.patch_status(FACE_DATASET, "demo", "staff", {"real": 1}, "7")
    method, path, body = server.asked[0]
    assert (method, server.content_type) == ("PATCH", "application/json-patch+json")
    assert "/facedatasets/staff/status" in path
    assert body == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/status", "value": {"real": 1}},
    ]


async def test_a_deletion_may_mean_one_very_object(kube: tuple[Server, Kube]) -> None:
    server, client = kube
    await client.delete(RAY_JOB, "demo", "r", uid="u")
    _, _, body = server.asked[0]
    assert body["preconditions"] == {"uid": "u"}
    assert body["propagationPolicy"] == "Background"


async def test_another_object_of_that_name_is_left_alone(kube: tuple[Server, Kube]) -> None:
    server, client = kube
    server.status, server.says = 409, {"message": "the UID in the precondition does not match"}
    await client.delete(RAY_JOB, "demo", "r", uid="u")
    with pytest.raises(ApiConflictError):
        await client.delete(RAY_JOB, "demo", "r")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (409, ApiConflictError),
        (429, ApiUnavailableError),
        (500, ApiUnavailableError),
        (503, ApiUnavailableError),
        (400, ApiRefusedError),
        (401, ApiRefusedError),
        (403, ApiRefusedError),
        (404, ApiRefusedError),
        (422, ApiRefusedError),
    ],
)
async def test_an_answer_is_one_of_three_errors(kube: tuple[Server, Kube], status: int, error: type[Exception]) -> None:
    server, client = kube
    server.status, server.says = status, {"message": "in the server's words"}
    with pytest.raises(error, match="in the server's words"):
        await client.create(CONFIG_MAP, OBJECT)


async def test_a_proxys_error_page_is_quoted(kube: tuple[Server, Kube]) -> None:
    server, client = kube
    server.status, server.says = 502, "<html>bad gateway</html>"
    with pytest.raises(ApiUnavailableError, match="bad gateway"):
        await client.get(POD, "demo", "p")


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    client = client_of("http://127.0.0.1:1")
    with pytest.raises(ApiUnavailableError, match="GET /api/v1/namespaces/demo/pods/p"):
        await client.get(POD, "demo", "p")
    await client.close()


async def test_a_fenced_client_reads_and_does_not_write(server: tuple[Server, str]) -> None:
    found, url = server

    def closed() -> None:
        raise LeaseLostError("not the leader")

    client = client_of(url, closed)
    assert await client.get(POD, "demo", "p") == OBJECT
    for write in (
        client.create(CONFIG_MAP, OBJECT),
        client.delete(CONFIG_MAP, "demo", "staff"),
        client.patch_status(FACE_DATASET, "demo", "staff", {}, None),
    ):
        with pytest.raises(LeaseLostError):
            await write
    assert [method for method, _, _ in found.asked] == ["GET"]
    await client.close()
