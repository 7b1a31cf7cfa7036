"""URLs that may be shown: RPC and API keys live in the user info, the path and the query.

Invariant: what comes out holds scheme, host and port and nothing else of the URL.
"""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["redact_url"]


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
