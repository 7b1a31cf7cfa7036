"""The cluster as the command sees it: objects, and services through the API server, with the kubeconfig's rights.

In: a kubeconfig and a context. Out: objects as dictionaries, Secrets' values, and for a URL of a service inside the
cluster one that works from outside. Invariant: it writes nothing but annotations of resources, and needs neither a
port-forward nor another program.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from ..kube.kinds import EVENT, POD, SECRET, Kind
from .errors import CommandError

__all__ = ["Cluster", "Endpoint"]

TIMEOUT_SECONDS = 15.0
"""For one request to the API server."""

SERVICE = Kind("", "v1", "services", "Service")


@dataclass(frozen=True)
class Endpoint:
    """A URL, and the session that may use it where it leads through the API server."""

    url: str
    session: requests.Session | None = None


class Cluster:
    """A cluster that a kubeconfig leads to."""

    def __init__(self, host: str, session: requests.Session, namespace: str) -> None:
        self._host = host.rstrip("/")
        self._session = session
        self.namespace = namespace

    @classmethod
    def connect(cls, kubeconfig: str | None, context: str | None) -> Cluster:
        """Connects as kubectl would; CommandError where there is no usable kubeconfig."""
        from kubernetes import client, config  # half a second, which files of receipts need not wait for

        settings = client.Configuration()
        loader: Any = config  # the library carries no types
        try:
            loader.load_kube_config(kubeconfig, context=context, client_configuration=settings)
            contexts, current = loader.list_kube_config_contexts(kubeconfig)
        except (config.ConfigException, OSError) as error:
            raise CommandError(f"kubeconfig: {error}") from None
        active = next((x for x in contexts if x["name"] == context), current)
        return cls(settings.host, _session(settings), active["context"].get("namespace") or "default")

    def find(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        """The object; None where there is none."""
        response = self._get(kind.path(namespace, name))
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise CommandError(f"{kind.kind} {namespace}/{name}: the API server answers {_reason(response)}")
        found: dict[str, Any] = response.json()
        return found

    def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
        """The object; CommandError where there is none."""
        found = self.find(kind, namespace, name)
        if found is None:
            raise CommandError(f"there is no {kind.kind} {name} in namespace {namespace}")
        return found

    def find_all(
        self, kind: Kind, namespace: str | None, *, labels: Mapping[str, str] | None = None, fields: str = ""
    ) -> list[dict[str, Any]]:
        """The objects of a namespace (None: of all of them) that carry the labels and have the fields."""
        selector = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        query = {"labelSelector": selector, "fieldSelector": fields}
        response = self._ask(
            "GET", kind.path(namespace), params={name: value for name, value in query.items() if value}
        )
        if response.status_code != 200:
            raise CommandError(f"{kind.plural}: the API server answers {_reason(response)}")
        found: list[dict[str, Any]] = response.json().get("items") or []
        return found

    def events(self, namespace: str, uid: str) -> list[dict[str, Any]]:
        """The events of the object with that uid, in no particular order."""
        return self.find_all(EVENT, namespace, fields=f"involvedObject.uid={uid}")

    def annotate(self, kind: Kind, namespace: str, name: str, annotations: Mapping[str, str | None]) -> None:
        """Sets annotations; takes away those whose value is None."""
        response = self._ask(
            "PATCH",
            kind.path(namespace, name),
            json={"metadata": {"annotations": dict(annotations)}},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        if response.status_code != 200:
            raise CommandError(f"{kind.kind} {namespace}/{name}: the API server answers {_reason(response)}")

    def log(self, namespace: str, pod: str, follow: bool, tail: int | None) -> Iterator[str]:
        """The lines of a pod's log; with `follow` those too that come until it ends."""
        query = {"follow": "true"} if follow else {}
        query |= {"tailLines": str(tail)} if tail is not None else {}
        answer = self._ask("GET", POD.path(namespace, pod, "log"), params=query, stream=True)
        with closing(answer):
            if answer.status_code != 200:
                raise CommandError(f"log of pod {namespace}/{pod}: the API server answers {_reason(answer)}")
            answer.encoding = "utf-8"
            try:
                yield from answer.iter_lines(decode_unicode=True)
            except requests.RequestException as error:
                raise CommandError(f"log of pod {namespace}/{pod} broke off: {type(error).__name__}") from None

    def secret(self, namespace: str, name: str, key: str) -> bytes:
        """The value of a Secret's key; CommandError names what is missing."""
        data = self.get(SECRET, namespace, name).get("data") or {}
        if key not in data:
            raise CommandError(f"Secret {name} in namespace {namespace} has no key {key!r}")
        return base64.b64decode(data[key])

    def endpoint(self, url: str, namespace: str) -> Endpoint:
        """How to reach a URL that is written for pods of `namespace`: through the API server if it names a service."""
        parts = urlsplit(url)
        labels = (parts.hostname or "").split(".")
        inside = len(labels) <= 2 or labels[2] == "svc"
        service, home = labels[0], labels[1] if len(labels) > 1 else namespace
        if not inside or not service or self._get(SERVICE.path(home, service)).status_code != 200:
            return Endpoint(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        scheme = "https:" if parts.scheme == "https" else ""
        root = f"{SERVICE.path(home)}/{quote(f'{scheme}{service}:{port}', safe=':')}/proxy"
        query = f"?{parts.query}" if parts.query else ""
        return Endpoint(f"{self._host}{root}{parts.path}{query}", self._session)

    def _get(self, path: str) -> requests.Response:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, **how: Any) -> requests.Response:
        timeout = None if how.get("params", {}).get("follow") else TIMEOUT_SECONDS
        try:
            return self._session.request(method, self._host + path, timeout=timeout, **how)
        except requests.RequestException as error:
            raise CommandError(f"the API server at {self._host} does not answer: {type(error).__name__}") from None


def _session(settings: Any) -> requests.Session:
    """A session with the kubeconfig's certificate, token and trust, and with nothing of the environment's."""
    session = requests.Session()
    session.trust_env = False
    session.verify = settings.ssl_ca_cert if settings.verify_ssl and settings.ssl_ca_cert else settings.verify_ssl
    if settings.cert_file:
        session.cert = (settings.cert_file, settings.key_file)
    token = settings.get_api_key_with_prefix("authorization")
    if token:
        session.headers["Authorization"] = token
    if settings.proxy:
        session.proxies = {"https": settings.proxy, "http": settings.proxy}
    return session


def _reason(response: requests.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"
