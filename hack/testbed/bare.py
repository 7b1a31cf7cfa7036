"""A control plane and nothing else: etcd and kube-apiserver of one's own, in seconds, on free ports of this machine.

In: a folder, the binaries that the local cluster brought. Out: kubeconfigs of named users, and what each of them wrote,
from the API server's audit log. Invariant: it shares nothing with the local cluster but the binaries. There is no node,
no scheduler and no garbage collector: pods stay unscheduled, and what a deleted object owned stays.
"""

from __future__ import annotations

import json
import secrets
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from . import tools
from .cluster import until
from .processes import Process, free_port

__all__ = ["ADMIN", "OPERATOR", "BareControlPlane", "Request", "control_plane"]

ADMIN = "admin"
"""May do everything."""

OPERATOR = "system:serviceaccount:faceledger-system:faceledger"
"""The operator's service account, as the chart binds it to its rights."""

READY_SECONDS = 60.0

_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True)
class Request:
    """A write that the API server answered. `agent`: what the client calls itself; `at`: when it came, as it says."""

    user: str
    agent: str
    verb: str
    resource: str
    name: str
    code: int
    at: str


class BareControlPlane:
    """A running one. `url` is the API server's."""

    def __init__(self, folder: Path, url: str, tokens: dict[str, str], server: Process, certificates: Path) -> None:
        self.folder = folder
        self.url = url
        self.server = server
        self._tokens = tokens
        self._certificates = certificates

    def kubeconfig(self, user: str = ADMIN) -> Path:
        path = self.folder / f"{user.rpartition(':')[2]}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self._certificates / "apiserver.crt")}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "bare", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}],
            "contexts": [{"name": "bare", "context": {"cluster": "bare", "user": user, "namespace": "default"}}],
            "current-context": "bare",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(content))
        return path

    def writes(self, user: str) -> list[Request]:
        """All that the user has written, or tried to, oldest first."""
        found = []
        for line in (self.folder / "audit.log").read_text().splitlines():
            event = json.loads(line)
            if event["user"]["username"] == user:
                found.append(_request(event))
        return found

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """As the administrator; what it prints. RuntimeError with its words where it fails."""
        command = [tools.kubectl(), "--kubeconfig", self.kubeconfig(), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(map(str, arguments))}:\n{done.stderr}")
        return done.stdout

    def restart_server(self) -> None:
        """The API server is killed and comes back: watches break, what it knows is in etcd."""
        self.server.end()
        self.server.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        until("the API server is ready", self._is_ready, READY_SECONDS, self._last_words, every=0.1)

    def _is_ready(self) -> bool:
        certificate = self._certificates / "apiserver.crt"
        if not certificate.exists():
            return False
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(certificate))),
        )
        request = urllib.request.Request(
            f"{self.url}/readyz", headers={"Authorization": f"Bearer {self._tokens[ADMIN]}"}
        )
        try:
            with direct.open(request, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _last_words(self) -> str:
        return self.server.log.read_text(errors="replace")[-2000:]


@contextmanager
def control_plane(folder: Path, users: Sequence[str] = (OPERATOR,)) -> Iterator[BareControlPlane]:
    """Serves while inside. FileNotFoundError where the local cluster has not built its binaries."""
    kube = tools.binary("kube-*/kube")
    if kube is None:
        raise FileNotFoundError("kube: no binaries of the local cluster; `make cluster-up` builds them")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("etcd", "kube-apiserver"):
        (folder / name).symlink_to(kube)
    tokens = {user: secrets.token_hex(16) for user in (ADMIN, *users)}
    _write_files(folder, tokens)
    etcd_port, port = free_port(), free_port()
    server = Process(_server(folder, etcd_port, port), folder / "apiserver.log", gently=False)
    plane = BareControlPlane(folder, f"https://127.0.0.1:{port}", tokens, server, folder / "certificates")
    with Process(_etcd(folder, etcd_port), folder / "etcd.log", gently=False), server:
        plane.wait_until_ready()
        yield plane
    shutil.rmtree(folder / "etcd-data", ignore_errors=True)


def _etcd(folder: Path, port: int) -> list[str]:
    clients, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    flags = {
        "name": "bare",
        "data-dir": folder / "etcd-data",
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"bare={peers}",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    return _command(folder / "etcd", flags)


def _server(folder: Path, etcd_port: int, port: int) -> list[str]:
    flags = {
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        "secure-port": port,
        "cert-dir": folder / "certificates",
        "etcd-servers": f"http://127.0.0.1:{etcd_port}",
        "authorization-mode": "RBAC",
        "token-auth-file": folder / "tokens.csv",
        "service-account-issuer": "https://bare",
        "service-account-key-file": folder / "service-account.key",
        "service-account-signing-key-file": folder / "service-account.key",
        "service-cluster-ip-range": "10.0.0.0/24",
        "endpoint-reconciler-type": "none",
        # There is nobody who would make the accounts that it asks for.
        "disable-admission-plugins": "ServiceAccount",
        "audit-policy-file": folder / "audit-policy.json",
        "audit-log-path": folder / "audit.log",
        "audit-log-mode": "blocking",
        "profiling": "false",
    }
    return _command(folder / "kube-apiserver", flags)


def _command(program: Path, flags: dict[str, Any]) -> list[str]:
    return [str(program), *(f"--{name}={value}" for name, value in flags.items())]


def _write_files(folder: Path, tokens: dict[str, str]) -> None:
    groups = {ADMIN: "system:masters"}
    lines = (f'{token},"{user}","{user}","{groups.get(user, "")}"\n' for user, token in tokens.items())
    (folder / "tokens.csv").write_text("".join(lines))
    (folder / "audit-policy.json").write_text(json.dumps(_AUDIT_POLICY))
    (folder / "audit.log").touch()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "service-account.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )


def _request(event: dict[str, Any]) -> Request:
    target = event.get("objectRef") or {}
    parts = (target.get("resource", ""), target.get("subresource"))
    return Request(
        user=event["user"]["username"],
        agent=event.get("userAgent", ""),
        verb=event["verb"],
        resource="/".join(part for part in parts if part),
        name=target.get("name", ""),
        code=(event.get("responseStatus") or {}).get("code", 0),
        at=event["requestReceivedTimestamp"],
    )
