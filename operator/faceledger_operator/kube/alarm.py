"""Ends this process when its leadership ends, also where it could not see that because it was stopped meanwhile.

    lease renewed --set--> alarm of the kernel --renewed in time--> set anew
                                  '--not renewed--> SIGALRM: the process is ended, or will be when it goes on

In: seconds that leadership lasts. Out: nothing, or the end. Invariant: a check before a write leaves a gap, for a
process can be stopped between the check and the write (SIGSTOP, a frozen control group, a debugger). The alarm closes
it: the kernel keeps it for a stopped process and acts on it before the process runs its next instruction, so one that
was stopped beyond its lease wakes only to die. No handler may be set for SIGALRM: Python would run it too late.
"""

from __future__ import annotations

import signal

__all__ = ["end_process_after"]


def end_process_after(seconds: float) -> None:
    """Replaces the alarm that was set before; 0 takes it away."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
