"""What an API server can answer besides an object, as three errors. "Not found" is none of them, but an observation."""

from __future__ import annotations

__all__ = ["ApiConflictError", "ApiRefusedError", "ApiUnavailableError"]


class ApiUnavailableError(Exception):
    """No answer, a time-out, 429 or 5xx: try again."""


class ApiConflictError(Exception):
    """409: the object exists already, or changed since it was read."""


class ApiRefusedError(Exception):
    """400, 401, 403, 422: the same request fails again. `message` is the API server's own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
