// One text for one JSON value (RFC 8785), and the salted leaf over it, as contracts/faceledger_contracts computes them.
import { type Hex, concat, keccak256, stringToBytes, toHex } from "viem";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** RFC 8785: JSON.stringify writes strings and numbers as it asks; what is left is the order of names. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

/** The 32-byte leaf of the type `name` over `parts`: a salt or a hash comes first. */
export function leafHash(name: string, ...parts: readonly Hex[]): Hex {
  return keccak256(concat(["0x00", keccak256(stringToBytes(name)), ...parts]));
}

/** UTF-8, as 0x hex. */
export function utf8(text: string): Hex {
  return toHex(stringToBytes(text));
}
