"""What an installation decides, from environment variables that the chart sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Self

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """`namespaces`: those to serve, empty for all. `kubeconfig`: for an operator outside of the cluster.
    `lease_seconds`: so long after a leader fell silent another replica takes over."""

    workloads_image: str
    operator_image: str
    receipts: Path
    pod_namespace: str
    pod_name: str
    namespaces: tuple[str, ...] = ()
    pull_secrets: tuple[str, ...] = ()
    health_port: int = 8080
    kubeconfig: str | None = None
    log_level: str = "INFO"
    lease_seconds: float = 15.0
    cpu_hour_price: Decimal = Decimal(0)
    gpu_hour_price: Decimal = Decimal(0)
    currency: str = "USD"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """KeyError names a variable that is missing."""
        return cls(
            workloads_image=environment["FACELEDGER_WORKLOADS_IMAGE"],
            operator_image=environment["FACELEDGER_OPERATOR_IMAGE"],
            receipts=Path(environment["FACELEDGER_RECEIPTS_DIR"]),
            pod_namespace=environment["POD_NAMESPACE"],
            pod_name=environment["POD_NAME"],
            namespaces=_split(environment.get("FACELEDGER_WATCH_NAMESPACES", "")),
            pull_secrets=_split(environment.get("FACELEDGER_PULL_SECRETS", "")),
            health_port=int(environment.get("FACELEDGER_HEALTH_PORT", "8080")),
            kubeconfig=environment.get("FACELEDGER_KUBECONFIG") or None,
            log_level=environment.get("FACELEDGER_LOG_LEVEL", "INFO"),
            lease_seconds=float(environment.get("FACELEDGER_LEASE_SECONDS") or 15),
            cpu_hour_price=Decimal(environment.get("FACELEDGER_CPU_HOUR_PRICE") or 0),
            gpu_hour_price=Decimal(environment.get("FACELEDGER_GPU_HOUR_PRICE") or 0),
            currency=environment.get("FACELEDGER_CURRENCY") or "USD",
        )


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
