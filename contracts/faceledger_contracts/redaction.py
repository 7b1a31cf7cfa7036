"""URLs and texts that may be shown: RPC and API keys live in a URL's user info, path and query.

Invariant: what comes out holds scheme, host and port and nothing else of the URL.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

__all__ = ["redact", "redact_url"]

SHORTEST_SECRET = 4
"""Characters; shorter parts of a URL (`/v3/`) are no keys, and to cut them from a text would garble it."""


def redact_url(url: str) -> str:
    """`https://user:secret@host:8545/v3/key?x=y` as `https://host:8545/…`; `<unreadable URL>` for what is no URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "<unreadable URL>"
    if not parts.scheme or not host:
        return "<unreadable URL>"
    shown = f"[{host}]" if ":" in host else host
    hidden = "/…" if parts.path.strip("/") or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{hidden}"


def redact(text: str, url: str) -> str:
    """`text` without the URL, and without any part of its user info, path or query."""
    shown = text.replace(url, redact_url(url))
    for secret in sorted(_secrets(url), key=len, reverse=True):
        shown = shown.replace(secret, "…")
    return shown


def _secrets(url: str) -> set[str]:
    rest = url.partition("://")[2]
    user_info, _, place = rest.rpartition("@")
    path_and_query = re.split(r"[/?#]", place, maxsplit=1)[1:]
    parts = re.split(r"[/?#&=:]", ":".join([user_info, *path_and_query]))
    return {spelling for part in parts for spelling in (part, unquote(part)) if len(spelling) >= SHORTEST_SECRET}
