// The commitment format a second time, in another language and with public libraries alone: reads a receipt from
// standard input and writes what it computes of it. The tests hold it against the Python implementation.
import {readFileSync} from "node:fs";
import {SimpleMerkleTree} from "@openzeppelin/merkle-tree";
import {concat, id, keccak256, toBeHex, toUtf8Bytes, verifyTypedData} from "ethers";

const FIELDS = [
  "version", "subject", "attempt", "purpose", "runKey", "reportDigest",
  "artefacts", "resultsRoot", "modelDigest", "imageDigest", "created",
];

// RFC 8785: JSON.stringify writes strings and numbers as it asks; what is left is the order of keys.
const canonical = (value) => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
};

const leafHash = (type, ...content) => keccak256(concat(["0x00", id(type), ...content]));

const text = readFileSync(0, "utf8");
const receipt = JSON.parse(text);
const {record, salts} = receipt;

const fields = FIELDS.map((name) =>
  leafHash(`FaceLedger record v1 field ${name}`, salts[name], toUtf8Bytes(canonical(record[name]))));
const recordRoot = SimpleMerkleTree.of(fields, {sortLeaves: false}).root;
const leaf = leafHash("FaceLedger record v1", recordRoot);

const domain = {name: "FaceLedger", version: "1", chainId: receipt.chainId, verifyingContract: receipt.contract};
const batch = {batchId: receipt.batchId, root: receipt.root, count: receipt.count};
const report = {attempt: record.attempt, digest: record.reportDigest.replace("sha256:", "0x")};

console.log(JSON.stringify({
  canonical: canonical(receipt) === text,
  leaf,
  proved: SimpleMerkleTree.verify(receipt.root, leaf, receipt.proof),
  batchId: leafHash("FaceLedger batch v1", receipt.root, toBeHex(receipt.count, 32)),
  batchRunKey: verifyTypedData(domain, {
    Batch: [{name: "batchId", type: "bytes32"}, {name: "root", type: "bytes32"}, {name: "count", type: "uint32"}],
  }, batch, receipt.batchSignature),
  runKey: verifyTypedData(domain, {
    RunReport: [{name: "attempt", type: "string"}, {name: "digest", type: "bytes32"}],
  }, report, receipt.reportSignature),
}));
