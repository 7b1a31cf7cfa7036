"""Writes the receipts of final batches beside the passes, so that a slow store holds up no transaction.

In: batches that are final, again and again. Out: those whose receipts are all kept, and what stands in the way of the
others. Invariant: a look takes a moment, however long the store needs; what is not kept by then goes on, and a later
look collects it. A batch that moved to another block meanwhile is written anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice

from ..api.conditions import BindingReason
from ..kube.errors import ApiRefusedError, ApiUnavailableError
from .finalisation import ReceiptKeeper, build_receipts, prove_place
from .journal import Batch, Journal, Place
from .ledger import ChainContradictedError, LedgerUnavailableError
from .moves import Trouble
from .nodes import Nodes

__all__ = ["Keeping"]

LOOK_SECONDS = 0.1
"""A look waits no longer for what is being kept: a few receipts on a disk are there by then, and a pass that waited for
more would hold up the transactions of the next one."""

AT_ONCE = 16
"""Receipts that are kept at the same time: stores answer within milliseconds to a second."""

_Task = asyncio.Task[Trouble | None]


class Keeping:
    """What is being kept for one binding."""

    def __init__(
        self, receipts: ReceiptKeeper, nodes: Nodes, chain_id: int, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._receipts = receipts
        self._nodes = nodes
        self._chain_id = chain_id
        self._look_seconds = look_seconds
        self._tasks: dict[tuple[str, Place | None], _Task] = {}

    async def look(self, journal: Journal, batches: Sequence[Batch]) -> tuple[list[Batch], Trouble | None]:
        """The batches of `batches`, all final, whose receipts are kept, and the first trouble with the others."""
        wanted = {(batch.key, batch.place): batch for batch in batches}
        for gone in self._tasks.keys() - wanted.keys():
            self._tasks.pop(gone).cancel()
        for key, batch in wanted.items():
            if key not in self._tasks:
                self._tasks[key] = asyncio.create_task(self._keep(journal, batch), name=f"keep {batch.key}")
        if not self._tasks:
            return [], None
        done, _ = await asyncio.wait(self._tasks.values(), timeout=self._look_seconds)
        ended = [(wanted[key], self._tasks.pop(key)) for key, task in list(self._tasks.items()) if task in done]
        answers = [(batch, task.result()) for batch, task in ended]
        troubles = [trouble for _, trouble in answers if trouble is not None]
        return [batch for batch, trouble in answers if trouble is None], next(iter(troubles), None)

    def close(self) -> None:
        """Stops all of it; the next process writes the same receipts."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _keep(self, journal: Journal, batch: Batch) -> Trouble | None:
        assert batch.place is not None
        try:
            inclusion = await prove_place(self._nodes, batch.place)
            receipts = build_receipts(journal, batch, self._chain_id, inclusion)
            while group := list(islice(receipts, AT_ONCE)):
                await asyncio.gather(*(self._receipts.keep(receipt, entry.owner) for entry, receipt in group))
        except ChainContradictedError as error:
            return Trouble(BindingReason.CHAIN_CONTRADICTED, str(error))
        except LedgerUnavailableError as error:
            return Trouble(BindingReason.RPC_UNREACHABLE, str(error), batch.attempts)
        except ApiUnavailableError as error:
            return Trouble(BindingReason.RECEIPTS_UNREACHABLE, f"receipts: {error}", batch.attempts)
        except FileExistsError as error:
            return Trouble(BindingReason.READY, f"a receipt cannot be kept: {error.strerror}", batch.attempts)
        except OSError as error:
            return Trouble(BindingReason.RECEIPTS_UNREACHABLE, f"receipts: {error.strerror or error}")
        except ApiRefusedError as error:
            message = f"the API server refuses the Secret of a receipt: {error.message}"
            return Trouble(BindingReason.READY, message, batch.attempts)
        return None
