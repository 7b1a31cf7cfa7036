"""One JSON object a line on standard output, from our own code and from libraries alike.

In: what the code says. Out: lines, each with the resource and the trace of the attempt that the pass is about.
Invariant: a log line holds names, reasons and messages, never the content of a Secret, an image or an embedding.
"""

from __future__ import annotations

import logging
import sys

import structlog
from faceledger_contracts.trace import trace_id_of

__all__ = ["bind_attempt", "configure_logs"]

_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)


def configure_logs(level: str) -> None:
    """Sends everything from `level` on to standard output."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # A line for each event that kopf passes on would say nothing that the passes do not say.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )


def bind_attempt(attempt: str | None) -> None:
    """From here on, the lines of this task carry the attempt and its trace id; None: they carry neither."""
    structlog.contextvars.unbind_contextvars("attempt", "trace_id")
    if attempt is not None:
        structlog.contextvars.bind_contextvars(attempt=attempt, trace_id=trace_id_of(attempt))
