// The commitment format a second time, in another language and with public libraries alone: reads a receipt, or a
// signed consent, from standard input and writes what it computes of it. The tests hold it against the Python
// implementation.
import {readFileSync} from "node:fs";
import {SimpleMerkleTree} from "@openzeppelin/merkle-tree";
import {concat, id, keccak256, toBeHex, toUtf8Bytes, TypedDataEncoder, verifyTypedData} from "ethers";

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

const domainOf = ({chainId, contract}) =>
  ({name: "FaceLedger", version: "1", chainId, verifyingContract: contract});

const recomputeReceipt = (receipt, text) => {
  const {record, salts} = receipt;
  const fields = FIELDS.map((name) =>
    leafHash(`FaceLedger record v1 field ${name}`, salts[name], toUtf8Bytes(canonical(record[name]))));
  const recordRoot = SimpleMerkleTree.of(fields, {sortLeaves: false}).root;
  const leaf = leafHash("FaceLedger record v1", recordRoot);
  const nullifierSalt = leafHash("FaceLedger nullifier salt v1", ...FIELDS.map((name) => salts[name]));

  const domain = domainOf(receipt);
  const batch = {batchId: receipt.batchId, root: receipt.root, count: receipt.count};
  const report = {attempt: record.attempt, digest: record.reportDigest.replace("sha256:", "0x")};

  return {
    canonical: canonical(receipt) === text,
    leaf,
    nullifier: leafHash("FaceLedger nullifier v1", nullifierSalt, leaf),
    proved: SimpleMerkleTree.verify(receipt.root, leaf, receipt.proof),
    batchId: leafHash("FaceLedger batch v1", receipt.root, toBeHex(receipt.count, 32)),
    batchRunKey: verifyTypedData(domain, {
      Batch: [{name: "batchId", type: "bytes32"}, {name: "root", type: "bytes32"}, {name: "count", type: "uint32"}],
    }, batch, receipt.batchSignature),
    runKey: verifyTypedData(domain, {
      RunReport: [{name: "attempt", type: "string"}, {name: "digest", type: "bytes32"}],
    }, report, receipt.reportSignature),
  };
};

// A consent: {chainId, contract, action, message: {wallet, commitment or challenge, nonce, deadline}, signature}.
const recomputeConsent = ({action, message, signature, ...place}) => {
  const value = action === "Authenticate" ? "challenge" : "commitment";
  const types = {[action]: [
    {name: "wallet", type: "address"}, {name: value, type: "bytes32"},
    {name: "nonce", type: "uint256"}, {name: "deadline", type: "uint256"},
  ]};
  const domain = domainOf(place);
  return {
    digest: TypedDataEncoder.hash(domain, types, message),
    signer: verifyTypedData(domain, types, message, signature),
  };
};

const text = readFileSync(0, "utf8");
const given = JSON.parse(text);
console.log(JSON.stringify(given.action ? recomputeConsent(given) : recomputeReceipt(given, text)));
