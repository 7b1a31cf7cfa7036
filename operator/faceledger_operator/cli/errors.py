"""The one error of the command: something that its user can act on, told in one line."""

from __future__ import annotations

__all__ = ["CommandError"]


class CommandError(Exception):
    """The command cannot go on. The message names the file, field or resource, and holds no secret."""
