// What a person is asked to agree to. In: the JSON that the controller hands out, in a link or a file. Out: checked
// terms, or an error that names the field. Invariant: nothing that is not shown to the person gets through.
import { type Address, getAddress, isAddress } from "viem";

export interface Terms {
  readonly version: 1;
  readonly controller: { readonly name: string; readonly contact: string };
  readonly dataset: string;
  readonly purposes: readonly string[];
  readonly retention: string;
  readonly recipients: readonly string[];
  readonly notice: string;
  readonly chainId: number;
  readonly contract: Address;
  readonly chain?: { readonly name: string; readonly rpc: string };
}

/** What each purpose means, in the words that the person reads. */
export const PURPOSES: Readonly<Record<string, string>> = {
  AccessControl: "opening doors or devices for you",
  Attendance: "noting when you are present",
  Research: "research on face recognition",
  PhotoOrganisation: "sorting photographs by who is in them",
};

/** The terms in `text`; an Error names the first field that is wrong. */
export function parseTerms(text: string): Terms {
  const given = parseObject(text);
  allow(given, "", ["version", "controller", "dataset", "purposes", "retention", "recipients", "notice", "chainId",
    "contract", "chain"]);
  if (given["version"] !== 1) throw new Error("version: 1 is the only one known");
  const controller = object(given, "controller");
  allow(controller, "controller.", ["name", "contact"]);
  const chain = given["chain"] === undefined ? undefined : object(given, "chain");
  if (chain) allow(chain, "chain.", ["name", "rpc"]);
  return {
    version: 1,
    controller: { name: words(controller, "name", "controller."), contact: words(controller, "contact", "controller.") },
    dataset: matching(given, "dataset", /^[a-z0-9.-]+\/[a-z0-9.-]+$/, "NAMESPACE/NAME"),
    purposes: purposes(given),
    retention: matching(given, "retention", /^P[1-9]\d{0,4}D$/, "days, such as P365D"),
    recipients: list(given, "recipients"),
    notice: matching(given, "notice", /^https?:\/\/\S+$/, "an address of the full notice"),
    chainId: chainId(given),
    contract: address(given),
    ...(chain && {
      chain: { name: words(chain, "name", "chain."), rpc: matching(chain, "rpc", /^https?:\/\/\S+$/, "an address", "chain.") },
    }),
  };
}

/** How many days the photographs may be kept. */
export function days(terms: Terms): number {
  return Number(terms.retention.slice(1, -1));
}

type Members = Record<string, unknown>;

function parseObject(text: string): Members {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("the request is no JSON");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error("the request is no object");
  return value as Members;
}

function allow(members: Members, place: string, names: readonly string[]): void {
  const unknown = Object.keys(members).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`${place}${unknown}: not a field of a request`);
}

function object(members: Members, name: string): Members {
  const value = members[name];
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error(`${name}: an object is needed`);
  return value as Members;
}

function words(members: Members, name: string, place = ""): string {
  const value = members[name];
  if (typeof value !== "string" || value.trim() === "" || value.length > 500) {
    throw new Error(`${place}${name}: 1 to 500 characters are needed`);
  }
  return value;
}

function matching(members: Members, name: string, form: RegExp, wanted: string, place = ""): string {
  const value = words(members, name, place);
  if (!form.test(value)) throw new Error(`${place}${name}: ${wanted} is needed`);
  return value;
}

function list(members: Members, name: string): readonly string[] {
  const value = members[name];
  if (!Array.isArray(value) || value.some((one) => typeof one !== "string" || one === "" || one.length > 500)) {
    throw new Error(`${name}: a list of texts is needed`);
  }
  return value as readonly string[];
}

function purposes(members: Members): readonly string[] {
  const given = list(members, "purposes");
  const unknown = given.find((purpose) => !Object.hasOwn(PURPOSES, purpose));
  if (unknown !== undefined) throw new Error(`purposes: ${unknown} is none of ${Object.keys(PURPOSES).join(", ")}`);
  if (given.length === 0 || new Set(given).size !== given.length) throw new Error("purposes: one or more, each once");
  return [...given].sort();
}

function chainId(members: Members): number {
  const value = members["chainId"];
  if (!Number.isSafeInteger(value) || Number(value) < 1) throw new Error("chainId: a whole number above 0 is needed");
  return Number(value);
}

function address(members: Members): Address {
  const value = words(members, "contract");
  if (!isAddress(value, { strict: false })) throw new Error("contract: an address is needed");
  return getAddress(value);
}
