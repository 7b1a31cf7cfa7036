"""The `faceledger` command: verifies results and fetches them, from a laptop, with the rights of its kubeconfig."""

from .app import main

__all__ = ["main"]
