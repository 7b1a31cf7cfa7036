"""`python -m faceledger_workloads.synthesis.convert IN.pkl OUT.safetensors`: a released StyleGAN2 as a checkpoint.

The pickle is read by a process of its own, with an empty environment, limits on memory, time and what it may write, and
without a network where the kernel lets users unshare it. What comes back is safetensors, which runs no code, and JSON.
Invariant: OUT.safetensors with OUT.json beside it is whole or not there, and its sha256 is what the last line says.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from faceledger_workloads.synthesis.checkpoint import (
    CheckpointError,
    CheckpointMetadata,
    pack_checkpoint,
    write_atomically,
)
from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.published_pickle import (
    PickleContentError,
    UnsafePickleError,
    read_published_pickle,
)
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork

__all__ = ["convert_pickle", "main"]

MAX_MEMORY = 8 << 30
"""Bytes of address space of the reading process; the largest release needs about two gigabytes, torch included."""

MAX_SECONDS = 300
"""Seconds of processor time of the reading process."""

MAX_OUTPUT = 1 << 30
"""Bytes of a file that the reading process may write; the largest release has 0.2 GB of tensors."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the checkpoint was written, 2 when the pickle was refused or does not fit."""
    parser = argparse.ArgumentParser(prog="faceledger_workloads.synthesis.convert", description=__doc__)
    parser.add_argument("pickle", type=Path, help="the released .pkl")
    parser.add_argument("checkpoint", type=Path, help="the .safetensors to write")
    parser.add_argument("--sha256", help="digest that the .pkl must have")
    parser.add_argument("--describe", default="", help="what the generator was trained on, for the metadata")
    parser.add_argument("--data-licence", default="", help="licence status of that data, for the same place")
    options = parser.parse_args(arguments)
    try:
        metadata = convert_pickle(
            options.pickle, options.checkpoint, options.sha256, options.describe, options.data_licence
        )
    except CheckpointError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    print(f"{options.checkpoint} sha256:{metadata.sha256}")  # noqa: T201
    return 0


def convert_pickle(
    source: Path, target: Path, sha256: str | None = None, data: str = "", data_licence: str = ""
) -> CheckpointMetadata:
    """Write the generator of the pickle `source` to `target` in single precision; `sha256` pins the pickle.

    Raises CheckpointError naming the file: another digest, code in the pickle, or no generator that fits.
    """
    try:
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f"{source}: {error.strerror}") from error
    if sha256 not in (None, digest):
        raise CheckpointError(f"{source}: sha256 is {digest}, expected {sha256}")
    with tempfile.TemporaryDirectory() as folder:
        network = _read_apart(source, Path(folder))
    content, metadata = pack_checkpoint(network, kimg=0, data=data, data_licence=data_licence, half=False)
    write_atomically(target, content)
    write_atomically(target.with_suffix(".json"), metadata.model_dump_json(indent=2).encode() + b"\n")
    return metadata


def _read_apart(source: Path, folder: Path) -> GeneratorNetwork:
    # -I keeps the environment and the working directory from deciding what is imported.
    entry = "from faceledger_workloads.synthesis.convert import _read; _read()"
    command = [*_without_network(), sys.executable, "-I", "-c", entry, str(source.resolve()), str(folder)]
    done = subprocess.run(command, env={}, capture_output=True, text=True, timeout=2 * MAX_SECONDS)
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2] or f"the reading process ended with {done.returncode}"
        raise CheckpointError(f"{source}: {reason}")
    try:
        network = GeneratorNetwork(StyleGAN2Config.model_validate_json((folder / "config.json").read_bytes()))
        network.load_state_dict(load((folder / "tensors.safetensors").read_bytes()), strict=True)
    except (OSError, ValidationError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{source}: tensors do not fit the configuration: {error}") from error
    return network


def _without_network() -> list[str]:
    """The prefix that takes the network away, or nothing where users may not do so."""
    unshare = shutil.which("unshare")
    prefix = [unshare, "--net", "--map-root-user"] if unshare else []
    allowed = prefix and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    return prefix if allowed else []


def _read() -> None:
    """What the process apart does: limits first, then the pickle, then two files of plain data."""
    for limit, value in (
        (resource.RLIMIT_AS, MAX_MEMORY),
        (resource.RLIMIT_CPU, MAX_SECONDS),
        (resource.RLIMIT_FSIZE, MAX_OUTPUT),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    source, folder = map(Path, sys.argv[1:])
    try:
        config, tensors = read_published_pickle(source.read_bytes())
    except (UnsafePickleError, PickleContentError) as error:
        sys.exit(str(error).replace("\n", " "))
    save_file(tensors, folder / "tensors.safetensors")
    (folder / "config.json").write_text(json.dumps(config.model_dump()))


if __name__ == "__main__":
    sys.exit(main())
