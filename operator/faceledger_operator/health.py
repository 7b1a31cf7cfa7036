"""Answers the kubelet's probes: alive while the event loop turns and the watches see, ready while this process leads or
stands by for the one that does.

In: two questions. Out: HTTP 200 or 503, and how it stands. Invariant: an answer needs no request to anybody else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from .metrics import render

__all__ = ["Health", "serve_health"]


@dataclass(frozen=True)
class Health:
    """`says`: how it stands, in words."""

    well: bool
    says: str


Probe = Callable[[], Health]


@asynccontextmanager
async def serve_health(port: int, alive: Probe, ready: Probe) -> AsyncIterator[None]:
    """Serves /healthz, /readyz and /metrics while inside."""
    app = web.Application()
    app.router.add_get("/healthz", _handler(alive))
    app.router.add_get("/readyz", _handler(ready))
    app.router.add_get("/metrics", _metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=render(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _handler(probe: Probe) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        health = probe()
        return web.Response(status=200 if health.well else 503, text=f"{health.says}\n")

    return answer
