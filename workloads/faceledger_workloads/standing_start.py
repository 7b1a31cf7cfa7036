"""Starts the driver of an attempt on a standing cluster: `python -m faceledger_workloads.standing_start ATTEMPT`.

In: the attempt's name. Out: the driver's log and exit status. The first run of a cluster imports everything, which
takes seconds, and leaves a process behind that has done so for those that follow.
"""

from __future__ import annotations

import argparse
import sys

from faceledger_workloads.preloaded import run_preloaded, serve, start_server

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Runs the attempt named on the command line; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m faceledger_workloads.standing_start", description="Runs one attempt."
    )
    parser.add_argument("attempt", nargs="?", help="name of the attempt")
    parser.add_argument("--serve", action="store_true", help="stay, and fork the drivers of later attempts")
    options = parser.parse_args(arguments)
    if options.serve:
        from faceledger_workloads import standing

        serve(standing.main)
        return 0
    status = run_preloaded([options.attempt])
    if status is not None:
        return status
    from faceledger_workloads import standing

    try:
        return standing.main([options.attempt])
    finally:
        start_server("faceledger_workloads.standing_start")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
