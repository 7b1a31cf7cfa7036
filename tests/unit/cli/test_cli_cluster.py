"""How the command reaches a cluster: objects, Secrets, and services through the API server."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests
from faceledger_operator.cli.cluster import Cluster
from faceledger_operator.cli.errors import CommandError
from faceledger_operator.cli.sources import data_key_of
from faceledger_operator.kube.kinds import FACE_DATASET, SECRET
from requests.adapters import BaseAdapter

API = "https://api.example.org"
SERVICES = "/api/v1/namespaces/{}/services/{}"


class ApiServer(BaseAdapter):
    """Answers from a table of paths; everything else is not found."""

    def __init__(self, objects: dict[str, Any]) -> None:
        super().__init__()
        self.objects = objects

    def send(self, request: Any, **_: Any) -> requests.Response:
        response = requests.Response()
        found = self.objects.get(request.url.removeprefix(API))
        response.status_code = 404 if found is None else found if isinstance(found, int) else 200
        body = found if isinstance(found, dict) else {"message": f"status {response.status_code}"}
        response._content = json.dumps(body).encode()
        return response

    def close(self) -> None:
        pass


def cluster(objects: dict[str, Any]) -> Cluster:
    session = requests.Session()
    session.mount(API, ApiServer(objects))
    return Cluster(API, session, "default")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        pytest.param("http://ipfs:5001", "people/services/ipfs:5001/proxy", id="a service of the same namespace"),
        pytest.param("http://anvil.chain:8545", "chain/services/anvil:8545/proxy", id="of another namespace"),
        pytest.param("http://anvil.chain.svc:8545/", "chain/services/anvil:8545/proxy/", id="with svc"),
        pytest.param("http://anvil.chain.svc.cluster.local", "chain/services/anvil:80/proxy", id="the full name"),
        pytest.param("https://node.chain/v3/key?x=y", "chain/services/https:node:443/proxy/v3/key?x=y", id="with TLS"),
    ],
)
def test_a_service_of_the_cluster_is_reached_through_the_api_server(url: str, path: str) -> None:
    services = [("people", "ipfs"), ("chain", "anvil"), ("chain", "node")]
    endpoint = cluster({SERVICES.format(*service): {} for service in services}).endpoint(url, "people")
    assert endpoint.url == f"{API}/api/v1/namespaces/{path}"
    assert endpoint.session is not None


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://mainnet.example.org/v3/key", id="a host outside"),
        pytest.param("http://example.org:8545", id="a host that looks like service and namespace"),
        pytest.param("http://10.0.0.7:8545", id="an address"),
        pytest.param("http://localhost:8545", id="this machine"),
    ],
)
def test_anything_else_is_reached_directly(url: str) -> None:
    assert cluster({}).endpoint(url, "people").url == url
    assert cluster({}).endpoint(url, "people").session is None


def test_a_missing_object_is_named() -> None:
    assert cluster({}).find(SECRET, "people", "key") is None
    with pytest.raises(CommandError, match="there is no Secret key in namespace people"):
        cluster({}).get(SECRET, "people", "key")


def test_a_refusal_is_told_in_the_api_servers_words() -> None:
    with pytest.raises(CommandError, match="status 403"):
        cluster({SECRET.path("people", "key"): 403}).get(SECRET, "people", "key")


def test_a_server_that_is_silent_is_named() -> None:
    silent = Cluster("https://127.0.0.1:1", requests.Session(), "default")
    with pytest.raises(CommandError, match=r"https://127\.0\.0\.1:1 does not answer"):
        silent.find(SECRET, "people", "key")


KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("spec", "status", "problem"),
    [
        pytest.param({}, {"dataKey": "staff-data-key"}, None, id="that the operator made"),
        pytest.param({"encryption": {"keySecretRef": {"name": "own", "key": "k"}}}, {}, None, id="that the user gave"),
        pytest.param({}, {}, "names no data key", id="that is not known yet"),
        pytest.param({}, {"dataKey": "forbidden"}, "status 403", id="that may not be read"),
        pytest.param({}, {"dataKey": "broken"}, "32 bytes", id="that is none"),
    ],
)
def test_the_data_key(spec: Any, status: Any, problem: str | None) -> None:
    dataset = {"metadata": {"name": "staff"}, "spec": {"privacy": spec}, "status": status}
    api = cluster(
        {
            FACE_DATASET.path("people", "staff"): dataset,
            SECRET.path("people", "staff-data-key"): {"data": {"key": base64.b64encode(KEY).decode()}},
            SECRET.path("people", "own"): {"data": {"k": base64.b64encode(KEY).decode()}},
            SECRET.path("people", "broken"): {"data": {"key": base64.b64encode(b"short").decode()}},
            SECRET.path("people", "forbidden"): 403,
        }
    )
    job = {"metadata": {"name": "front-door"}, "spec": {"galleryRef": {"name": "staff"}}}
    for body in (dataset, job):
        key, why = data_key_of(api, body, "people")
        assert key == (None if problem else KEY)
        assert (problem or "") in (why or "")
