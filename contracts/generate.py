"""Writes what is generated from the contract and the Python models, or checks that it is current.

In: Forge's build in out/, the receipt model. Out: faceledger_contracts/artifacts/FaceLedger.json (ABI, creation code,
the code that runs on chain and its hash, compiler settings), the schemas of receipts and bundles, and the multiproofs
that Foundry tests. `--check` writes nothing, and exits with 1 naming each file that a fresh build would change.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from faceledger_contracts import merkle
from faceledger_contracts.bundle import bundle_schema
from faceledger_contracts.canonical import keccak256, to_hex
from faceledger_contracts.multiproof import combine
from faceledger_contracts.receipt import receipt_schema

HERE = Path(__file__).parent
BUILD = HERE / "out" / "FaceLedger.sol" / "FaceLedger.json"


def main(arguments: list[str]) -> int:
    """Exit status: 0 if all is written or current, 1 if `--check` found a file that is not."""
    wanted = {
        HERE / "faceledger_contracts" / "artifacts" / "FaceLedger.json": contract_artefact(BUILD),
        HERE / "schema" / "receipt-v1.json": receipt_schema(1),
        HERE / "schema" / "receipt-v2.json": receipt_schema(2),
        HERE / "schema" / "bundle-v1.json": bundle_schema(),
        HERE / "test" / "vectors" / "multiproofs.json": multiproof_vectors(),
    }
    outdated = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in outdated:
        if "--check" in arguments:
            sys.stderr.write(f"{path.relative_to(HERE)} differs from a fresh build: run `make generate`\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], "utf-8")
    return 1 if outdated and "--check" in arguments else 0


def contract_artefact(build: Path) -> str:
    """The artefact of one Forge build; ValueError if the code would differ from one deployment to the next."""
    output: dict[str, Any] = json.loads(build.read_text("utf-8"))
    deployed = output["deployedBytecode"]
    if deployed.get("immutableReferences") or deployed["linkReferences"] or output["bytecode"]["linkReferences"]:
        raise ValueError("the contract's code has immutables or links, so no hash identifies it")
    settings = output["metadata"]["settings"]
    artefact = {
        "abi": output["abi"],
        "bytecode": output["bytecode"]["object"],
        "deployed_bytecode": deployed["object"],
        "code_hash": to_hex(keccak256(bytes.fromhex(deployed["object"].removeprefix("0x")))),
        "compiler": {
            "version": output["metadata"]["compiler"]["version"],
            "evmVersion": settings["evmVersion"],
            "optimizer": settings["optimizer"],
            "metadata": settings["metadata"],
        },
    }
    return json.dumps(artefact, indent=2) + "\n"


def multiproof_vectors() -> str:
    """Trees of several shapes with some of their leaves: one, neighbours, both ends, every third, all."""
    vectors = []
    for count in (1, 2, 3, 5, 8, 13):
        tree = [keccak256(bytes([number])) for number in range(count)]
        for indices in ([0], [*range(count)][-2:], sorted({0, count - 1}), [*range(0, count, 3)], [*range(count)]):
            leaves, paths = [tree[index] for index in indices], merkle.proofs(tree)
            multiproof = combine(leaves, [paths[index] for index in indices])
            vectors.append(
                {
                    "tree": list(map(to_hex, tree)),
                    "indices": indices,
                    "root": to_hex(merkle.root(tree)),
                    "leaves": list(map(to_hex, leaves)),
                    "proof": list(map(to_hex, multiproof.proof)),
                    "flags": list(multiproof.flags),
                }
            )
    return json.dumps(vectors, indent=1) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
