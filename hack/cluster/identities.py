"""Keys, certificates and kubeconfigs: who is who in the cluster.

One certificate authority signs every party. The folder is made beside its place and renamed, so a killed run leaves
either all of it or nothing; it is made anew when its certificates are about to expire.
"""

import base64
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console import ClusterError, run
from network import API_SERVER, DOMAIN, NODE_IP, SERVICE_IP
from places import KUBECONFIG, PKI

__all__ = ["CONTROLLER_UID", "NODE_NAME", "ensure", "kubeconfig", "write_user_kubeconfig"]

NODE_NAME: Final = "faceledger"

CONTROLLER_UID: Final = 1000
"""The controller manager's user: the volumes it makes belong to it, and the product's pods run as the same number."""

_DAYS: Final = 365
_RENEW_SECONDS: Final = 7 * 86_400
_OPENSSL_NEW_KEY: Final = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class _Party:
    name: str
    subject: str
    names: str = ""


_PARTIES: Final = (
    _Party(
        "apiserver",
        "/CN=kube-apiserver",
        f"IP:127.0.0.1,IP:{NODE_IP},IP:{SERVICE_IP},DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,"
        f"DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.{DOMAIN}",
    ),
    _Party("etcd", "/CN=etcd", f"IP:{NODE_IP}"),
    _Party("kubelet-server", f"/CN={NODE_NAME}", f"IP:{NODE_IP},DNS:{NODE_NAME}"),
    _Party("kubelet", f"/O=system:nodes/CN=system:node:{NODE_NAME}"),
    _Party("kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
    _Party("controller-manager", "/CN=system:kube-controller-manager"),
    _Party("scheduler", "/CN=system:kube-scheduler"),
    _Party("proxy", "/CN=system:kube-proxy"),
    _Party("coredns", "/CN=coredns"),
    _Party("admin", "/O=system:masters/CN=admin"),
)


def ensure() -> None:
    """Make every key and certificate unless good ones are there."""
    if _fresh():
        return
    scratch = PKI.with_name(f".pki.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, mode=0o755)
    _make_authority(scratch)
    for party in _PARTIES:
        _issue(scratch, party)
    _make_service_account_key(scratch)
    for name in ("controller-manager.key", "service-account.key", "ca.key"):
        os.chown(scratch / name, CONTROLLER_UID, CONTROLLER_UID)
    shutil.rmtree(PKI, ignore_errors=True)
    scratch.rename(PKI)
    for party in _PARTIES:
        path = kubeconfig(party.name)
        path.write_text(_kubeconfig_text(party.name))
        if party.name == "controller-manager":
            os.chown(path, CONTROLLER_UID, CONTROLLER_UID)
        path.chmod(0o600)


def kubeconfig(party: str) -> Path:
    """The file with which a party speaks to the API server."""
    return PKI / f"{party}.kubeconfig"


def write_user_kubeconfig() -> None:
    """Put the administrator's kubeconfig, complete in itself, where the checkout's other tools look for it."""
    if not kubeconfig("admin").exists():
        raise ClusterError("there is no cluster yet; make one with: python3 hack/cluster up")
    KUBECONFIG.parent.mkdir(exist_ok=True)
    scratch = KUBECONFIG.with_suffix(f".{os.getpid()}")
    scratch.touch(mode=0o600)
    scratch.write_text(kubeconfig("admin").read_text())
    scratch.replace(KUBECONFIG)


def _fresh() -> bool:
    if not kubeconfig(_PARTIES[-1].name).exists():
        return False
    try:
        run(["openssl", "x509", "-checkend", str(_RENEW_SECONDS), "-noout", "-in", PKI / "admin.crt"])
    except ClusterError:
        return False
    return True


def _make_authority(folder: Path) -> None:
    run(
        [
            *_OPENSSL_NEW_KEY,
            *("-x509", "-days", str(_DAYS), "-subj", "/CN=faceledger-cluster", "-keyout", "ca.key", "-out", "ca.crt"),
            *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
        ],
        cwd=folder,
    )


def _issue(folder: Path, party: _Party) -> None:
    alternative_names = f"subjectAltName={party.names}\n" if party.names else ""
    (folder / "extensions").write_text(f"extendedKeyUsage=serverAuth,clientAuth\n{alternative_names}")
    run(
        [*_OPENSSL_NEW_KEY, "-subj", party.subject, "-keyout", f"{party.name}.key", "-out", "request"],
        cwd=folder,
    )
    run(
        [
            *("openssl", "x509", "-req", "-in", "request", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-days", str(_DAYS), "-extfile", "extensions", "-out", f"{party.name}.crt"),
        ],
        cwd=folder,
    )


def _make_service_account_key(folder: Path) -> None:
    run(["openssl", "genrsa", "-out", "service-account.key", "2048"], cwd=folder)
    run(["openssl", "rsa", "-in", "service-account.key", "-pubout", "-out", "service-account.pub"], cwd=folder)


def _kubeconfig_text(party: str) -> str:
    def encoded(name: str) -> str:
        return base64.b64encode((PKI / name).read_bytes()).decode()

    cluster = {"server": API_SERVER, "certificate-authority-data": encoded("ca.crt")}
    user = {"client-certificate-data": encoded(f"{party}.crt"), "client-key-data": encoded(f"{party}.key")}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "faceledger", "cluster": cluster}],
            "users": [{"name": party, "user": user}],
            "contexts": [{"name": "faceledger", "context": {"cluster": "faceledger", "user": party}}],
            "current-context": "faceledger",
        },
        indent=2,
    )
