// Checks a receipt against the chain as `faceledger verify` does, as far as a page can: form, leaf, proof, batch and
// signatures by computation, the contract's code, the committed root and a revocation by asking through the wallet. Not
// checked: that the run key was authorised, and that the block is final.
import { code_hash as codeHash } from "../../contracts/faceledger_contracts/artifacts/FaceLedger.json";
import { type Address, type Hex, concat, isAddressEqual, keccak256, numberToHex, recoverTypedDataAddress } from "viem";

import { type Json, canonical, leafHash, utf8 } from "./canonical.js";
import type { Registry } from "./registry.js";

export interface Check {
  readonly name: string;
  readonly holds: boolean;
  readonly says: string;
}

export interface Receipt {
  readonly version: 1 | 2;
  readonly record: { readonly [name: string]: Json } & { readonly attempt: string; readonly reportDigest: string };
  readonly salts: { readonly [name: string]: Hex };
  readonly leaf: Hex;
  readonly proof: readonly Hex[];
  readonly batchId: Hex;
  readonly root: Hex;
  readonly count: number;
  readonly chainId: number;
  readonly contract: Address;
  readonly batchRunKey: Address;
  readonly batchSignature: Hex;
  readonly reportSignature: Hex;
}

const FIELDS = [
  "version", "subject", "attempt", "purpose", "runKey", "reportDigest",
  "artefacts", "resultsRoot", "modelDigest", "imageDigest", "created",
] as const;

/** The receipt in `text`; an Error if it is none that this page knows. */
export function parseReceipt(text: string): Receipt {
  const receipt = JSON.parse(text) as Receipt;
  if (receipt?.version !== 1 && receipt?.version !== 2) throw new Error("version: a receipt of version 1 or 2 is needed");
  if (canonical(receipt as unknown as Json) !== text) throw new Error("the receipt is not in its canonical form");
  return receipt;
}

/** Every check of `receipt`, in the order in which they build on each other. */
export async function checkReceipt(receipt: Receipt, registry: Registry): Promise<readonly Check[]> {
  const leaf = leafOf(receipt);
  const batchId = leafHash("FaceLedger batch v1", receipt.root, numberToHex(receipt.count, { size: 32 }));
  const committed = await registry.committedRoot(receipt.batchId);
  const revoked = await registry.revokedAt(nullifierOf(receipt, leaf));
  return [
    check("record", leaf === receipt.leaf, "the record and its salts give the leaf"),
    check("proof", rootOf(leaf, receipt.proof) === receipt.root, "the proof leads from the leaf to the root"),
    check("batch", batchId === receipt.batchId, "the batch id is that of root and count"),
    check("batch signature", await signedBy(receipt, "batch").catch(() => false), "the batch is signed by its run key"),
    check("report signature", await signedBy(receipt, "report").catch(() => false), "the run's report is signed by its run key"),
    check("contract", (await registry.codeHash()) === codeHash, "the contract's code is FaceLedger's"),
    check("chain", committed === receipt.root, "the contract holds this root for this batch"),
    check("revocation", revoked === null, "the commitment was not revoked"),
  ];
}

function check(name: string, holds: boolean, says: string): Check {
  return { name, holds, says: holds ? says : `NOT so: ${says}` };
}

function leafOf({ record, salts }: Receipt): Hex {
  const fields = FIELDS.map((name) =>
    leafHash(`FaceLedger record v1 field ${name}`, salts[name] ?? "0x", utf8(canonical(record[name] ?? null))));
  return leafHash("FaceLedger record v1", treeRoot(fields));
}

function nullifierOf({ salts }: Receipt, leaf: Hex): Hex {
  const salt = leafHash("FaceLedger nullifier salt v1", ...FIELDS.map((name) => salts[name] ?? "0x"));
  return leafHash("FaceLedger nullifier v1", salt, leaf);
}

/** OpenZeppelin's SimpleMerkleTree without sorting: leaves in the last places in reverse order. */
function treeRoot(leaves: readonly Hex[]): Hex {
  const inner = leaves.length - 1;
  const tree: Hex[] = [...new Array<Hex>(inner).fill("0x"), ...leaves.toReversed()];
  for (let at = inner - 1; at >= 0; at--) tree[at] = parentOf(tree[2 * at + 1]!, tree[2 * at + 2]!);
  return tree[0]!;
}

function rootOf(leaf: Hex, proof: readonly Hex[]): Hex {
  return proof.reduce(parentOf, leaf);
}

function parentOf(a: Hex, b: Hex): Hex {
  return keccak256(concat(a < b ? [a, b] : [b, a]));
}

async function signedBy(receipt: Receipt, what: "batch" | "report"): Promise<boolean> {
  const domain = {
    name: "FaceLedger", version: "1", chainId: receipt.chainId, verifyingContract: receipt.contract,
  } as const;
  const signer = what === "batch"
    ? await recoverTypedDataAddress({
        domain,
        types: {
          Batch: [
            { name: "batchId", type: "bytes32" }, { name: "root", type: "bytes32" }, { name: "count", type: "uint32" },
          ],
        },
        primaryType: "Batch",
        message: { batchId: receipt.batchId, root: receipt.root, count: receipt.count },
        signature: receipt.batchSignature,
      })
    : await recoverTypedDataAddress({
        domain,
        types: { RunReport: [{ name: "attempt", type: "string" }, { name: "digest", type: "bytes32" }] },
        primaryType: "RunReport",
        message: {
          attempt: receipt.record.attempt,
          digest: receipt.record.reportDigest.replace("sha256:", "0x") as Hex,
        },
        signature: receipt.reportSignature,
      });
  return isAddressEqual(signer, what === "batch" ? receipt.batchRunKey : (receipt.record["runKey"] as Address));
}
