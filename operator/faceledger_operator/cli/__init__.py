"""The `faceledger` command, a kubectl plugin too: works on resources and verifies results by a kubeconfig."""

from .app import main

__all__ = ["main"]
