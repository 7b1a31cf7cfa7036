"""The daemons that are Kubernetes: what each is told, and the order in which they start.

etcd begins empty every time: a cluster that was down comes back clean, with its images. Everything listens on the
node's own address alone.
"""

import json
import shutil
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

import cgroup
import identities
import processes
from console import step, wait_until
from identities import CONTROLLER_UID, NODE_NAME, kubeconfig
from network import API_SERVER, DNS_IP, DOMAIN, NODE_IP, POD_RANGE, RESOLV_CONF, SERVICE_RANGE
from places import LOGS, PKI, STATE, VOLUMES, VOLUMES_LINK
from processes import Daemon
from runtime import SOCKET

__all__ = ["NAMES", "api_server_is_ready", "start"]

NAMES: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
)
"""Every daemon started here, in order."""

_CONFIG: Final = STATE / "config"
_BINARIES: Final = STATE / "bin"
_ETCD_CLIENTS: Final = f"https://{NODE_IP}:2379"


def start(binaries: Path) -> None:
    """Start the whole control plane on an empty etcd and return once the API server is ready."""
    for folder in ("etcd", "kubelet", "volumes"):
        shutil.rmtree(STATE / folder, ignore_errors=True)
    _install(binaries)
    _prepare_volumes()
    identities.ensure()
    _write_configuration()
    with step("starting the control plane"):
        processes.start(_etcd())
        processes.start(_api_server())
        wait_until("kube-apiserver", api_server_is_ready, seconds=120, hint=f"see {LOGS}")
        # Not before: these give up, or wait for a long time, when their first call is refused.
        for daemon in (_controller_manager(), _scheduler(), _kubelet(), _proxy(), _coredns()):
            processes.start(daemon)


def api_server_is_ready() -> bool:
    """Whether the API server says that it is ready, its bootstrap included."""
    context = ssl.create_default_context(cafile=str(PKI / "ca.crt")) if (PKI / "ca.crt").exists() else None
    if context is None:
        return False
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with direct.open(f"{API_SERVER}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _install(binaries: Path) -> None:
    """Copy the binaries to where a daemon that is not root can run them."""
    shutil.rmtree(_BINARIES, ignore_errors=True)
    _BINARIES.mkdir(parents=True)
    shutil.copy2(binaries / "kube", _BINARIES / "kube")
    for name in NAMES:
        (_BINARIES / name).hardlink_to(_BINARIES / "kube")


def _prepare_volumes() -> None:
    VOLUMES.mkdir(parents=True, exist_ok=True)
    shutil.chown(VOLUMES, CONTROLLER_UID, CONTROLLER_UID)
    if not VOLUMES_LINK.is_symlink():
        VOLUMES_LINK.symlink_to(VOLUMES)


def _write_configuration() -> None:
    _CONFIG.mkdir(parents=True, exist_ok=True)
    (_CONFIG / "kubelet.json").write_text(json.dumps(_kubelet_configuration(), indent=2))
    (_CONFIG / "proxy.json").write_text(json.dumps(_proxy_configuration(), indent=2))
    (_CONFIG / "Corefile").write_text(_corefile())


def _binary(name: str) -> str:
    return str(_BINARIES / name)


def _etcd() -> Daemon:
    peers = f"https://{NODE_IP}:2380"
    arguments = {
        "name": "faceledger",
        "data-dir": STATE / "etcd",
        "listen-client-urls": _ETCD_CLIENTS,
        "advertise-client-urls": _ETCD_CLIENTS,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"faceledger={peers}",
        "cert-file": PKI / "etcd.crt",
        "key-file": PKI / "etcd.key",
        "client-cert-auth": "true",
        "trusted-ca-file": PKI / "ca.crt",
        "peer-cert-file": PKI / "etcd.crt",
        "peer-key-file": PKI / "etcd.key",
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": PKI / "ca.crt",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    return Daemon("etcd", [_binary("etcd"), *_flags(arguments)])


def _api_server() -> Daemon:
    arguments = {
        "bind-address": NODE_IP,
        "advertise-address": NODE_IP,
        "secure-port": 6443,
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "client-ca-file": PKI / "ca.crt",
        "tls-cert-file": PKI / "apiserver.crt",
        "tls-private-key-file": PKI / "apiserver.key",
        "etcd-servers": _ETCD_CLIENTS,
        "etcd-cafile": PKI / "ca.crt",
        "etcd-certfile": PKI / "apiserver.crt",
        "etcd-keyfile": PKI / "apiserver.key",
        "kubelet-certificate-authority": PKI / "ca.crt",
        "kubelet-client-certificate": PKI / "kubelet-client.crt",
        "kubelet-client-key": PKI / "kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": f"https://kubernetes.default.svc.{DOMAIN}",
        "service-account-key-file": PKI / "service-account.pub",
        "service-account-signing-key-file": PKI / "service-account.key",
        "service-cluster-ip-range": SERVICE_RANGE,
        "profiling": "false",
    }
    return Daemon("kube-apiserver", [_binary("kube-apiserver"), *_flags(arguments)])


def _controller_manager() -> Daemon:
    arguments = {
        "bind-address": NODE_IP,
        "kubeconfig": kubeconfig("controller-manager"),
        "authentication-kubeconfig": kubeconfig("controller-manager"),
        "authorization-kubeconfig": kubeconfig("controller-manager"),
        "use-service-account-credentials": "true",
        "service-account-private-key-file": PKI / "service-account.key",
        "root-ca-file": PKI / "ca.crt",
        "cluster-signing-cert-file": PKI / "ca.crt",
        "cluster-signing-key-file": PKI / "ca.key",
        "enable-hostpath-provisioner": "true",
        "leader-elect": "false",
        "kube-api-qps": 200,
        "kube-api-burst": 400,
        "profiling": "false",
    }
    as_user = ["setpriv", f"--reuid={CONTROLLER_UID}", f"--regid={CONTROLLER_UID}", "--clear-groups"]
    return Daemon("kube-controller-manager", [*as_user, _binary("kube-controller-manager"), *_flags(arguments)])


def _scheduler() -> Daemon:
    arguments = {
        "bind-address": NODE_IP,
        "kubeconfig": kubeconfig("scheduler"),
        "authentication-kubeconfig": kubeconfig("scheduler"),
        "authorization-kubeconfig": kubeconfig("scheduler"),
        "leader-elect": "false",
        "kube-api-qps": 200,
        "kube-api-burst": 400,
        "profiling": "false",
    }
    return Daemon("kube-scheduler", [_binary("kube-scheduler"), *_flags(arguments)])


def _kubelet() -> Daemon:
    arguments = {
        "config": _CONFIG / "kubelet.json",
        "kubeconfig": kubeconfig("kubelet"),
        "root-dir": STATE / "kubelet",
        "hostname-override": NODE_NAME,
        "node-ip": NODE_IP,
    }
    return Daemon("kubelet", [_binary("kubelet"), *_flags(arguments)])


def _proxy() -> Daemon:
    return Daemon("kube-proxy", [_binary("kube-proxy"), *_flags({"config": _CONFIG / "proxy.json"})])


def _coredns() -> Daemon:
    return Daemon("coredns", [_binary("coredns"), "-conf", str(_CONFIG / "Corefile")])


def _flags(arguments: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in arguments.items()]


def _kubelet_configuration() -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_IP,
        "healthzBindAddress": NODE_IP,
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": str(PKI / "ca.crt")}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(PKI / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(PKI / "kubelet-server.key"),
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup.NAME}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [DNS_IP],
        "clusterDomain": DOMAIN,
        "resolvConf": str(RESOLV_CONF),
        "maxPods": 250,
        "serializeImagePulls": False,
        # The machine is a developer's: a nearly full disk is theirs to judge, and images never expire.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "syncFrequency": "10s",
        "volumePluginDir": str(STATE / "volume-plugins"),
    }


def _proxy_configuration() -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": NODE_IP,
        "healthzBindAddress": f"{NODE_IP}:10256",
        "metricsBindAddress": f"{NODE_IP}:10249",
        "clientConnection": {"kubeconfig": str(kubeconfig("proxy"))},
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE_NAME,
        "mode": "nftables",
        "nftables": {"minSyncPeriod": "100ms"},
        # Zero leaves the host's connection tracking limits alone.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def _corefile() -> str:
    return f"""\
.:53 {{
    bind {NODE_IP}
    errors
    health {NODE_IP}:8080
    ready {NODE_IP}:8181
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig("coredns")}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }}
    {"forward . " + str(RESOLV_CONF) if RESOLV_CONF.read_text() else ""}
    cache 5
}}
"""
