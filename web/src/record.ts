// The consent record: ISO/IEC TS 27560 in DPV JSON-LD, and the salted hash of it that the wallet signs. The Python side
// (faceledger_contracts/consent_record.py) reads the same record; a test holds both together.
import { type Address, type Hex, bytesToHex } from "viem";

import { type Json, canonical, leafHash, utf8 } from "./canonical.js";
import type { Terms } from "./terms.js";

/** What this page reads of a record; the rest is written once, below, and hashed. */
export interface ConsentRecord {
  readonly "dct:created": string;
  readonly "dpv:hasDataController": { readonly "dpv:hasName": string; readonly [name: string]: Json };
  readonly "dpv:hasProcess": { readonly "dpv:hasPurpose": readonly string[]; readonly [name: string]: Json };
  readonly [name: string]: Json;
}

/** The record of `wallet`'s agreement to `terms` at `created` (RFC 3339, UTC, seconds); `id` is a UUID. */
export function buildRecord(terms: Terms, wallet: Address, created: string, id: string): ConsentRecord {
  return {
    "@context": {
      dct: "http://purl.org/dc/terms/",
      dpv: "https://w3id.org/dpv#",
      "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
      faceledger: "urn:faceledger:purpose:",
      pd: "https://w3id.org/dpv/pd#",
    },
    "@id": `urn:uuid:${id}`,
    "@type": "dpv:ConsentRecord",
    "dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#record",
    "dct:created": created,
    "dpv:hasConsentStatus": "dpv:ConsentGiven",
    "dpv:hasDataController": {
      "@type": "dpv:DataController",
      "dpv:hasContact": terms.controller.contact,
      "dpv:hasName": terms.controller.name,
    },
    "dpv:hasDataSubject": { "@id": `did:pkh:eip155:${terms.chainId}:${wallet}`, "@type": "dpv:DataSubject" },
    "dpv:hasLegalBasis": ["eu-gdpr:A6-1-a", "eu-gdpr:A9-2-a"],
    "dpv:hasNotice": terms.notice,
    "dpv:hasProcess": {
      "@type": "dpv:Process",
      "dct:title": terms.dataset,
      "dpv:hasPersonalData": ["pd:FacialPrint", "pd:Picture"],
      "dpv:hasPurpose": terms.purposes.map((purpose) => `faceledger:${purpose}`),
      "dpv:hasRecipient": terms.recipients,
      "dpv:hasStorageCondition": { "@type": "dpv:StorageDuration", "dpv:hasDuration": terms.retention },
    },
  };
}

/** 32 random bytes: whoever has not got them cannot test a guess of the record against the chain. */
export function drawSalt(): Hex {
  return bytesToHex(crypto.getRandomValues(new Uint8Array(32)));
}

/** What the chain keeps of a record. */
export function commitmentOf(record: ConsentRecord, salt: Hex): Hex {
  return leafHash("FaceLedger identity v1", salt, utf8(canonical(record)));
}
