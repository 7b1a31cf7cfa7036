// The file that a person keeps and gives: what was signed and, for a consent, the record and its salt. Python reads it
// in faceledger_contracts/consent_record.py.
import type { Address, Hex } from "viem";

import { type Json, canonical } from "./canonical.js";
import { type ConsentRecord, commitmentOf } from "./record.js";
import type { Signed } from "./registry.js";

export interface Place {
  readonly chainId: number;
  readonly contract: Address;
}

/** A consent as its holder keeps it. */
export interface Held extends Place {
  readonly record: ConsentRecord;
  readonly salt: Hex;
}

/** The file of a consent that was given. */
export function consentFile(signed: Signed, held: Held): string {
  const { value: _, ...message } = signed;
  return canonical({ version: 1, ...message, ...held } as unknown as Json);
}

/** The file of a withdrawal or of a proof: no word of what was agreed to is in it. */
export function signedFile(signed: Signed, place: Place): string {
  const { value, ...message } = signed;
  const name = signed.action === "Authenticate" ? "challenge" : "commitment";
  return canonical({ version: 1, ...message, ...place, [name]: value } as unknown as Json);
}

/** The consent in `text`; an Error if it is none. */
export function parseConsent(text: string): Held {
  const given = JSON.parse(text) as Partial<Held> & { version?: unknown };
  if (given.version !== 1 || !given.record || !given.salt || !given.chainId || !given.contract) {
    throw new Error("the file is no consent of version 1");
  }
  const { record, salt } = given;
  const purposes = record["dpv:hasProcess"]?.["dpv:hasPurpose"];
  if (!record["dpv:hasDataController"]?.["dpv:hasName"] || !Array.isArray(purposes) || !/^0x[0-9a-f]{64}$/.test(salt)) {
    throw new Error("the file's record or salt is damaged");
  }
  return { record: given.record, salt: given.salt, chainId: given.chainId, contract: given.contract };
}

/** What the chain keeps of `held`. */
export function commitment(held: Held): Hex {
  return commitmentOf(held.record, held.salt);
}
