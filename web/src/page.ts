// The page: what the person does, in the order in which they do it. State is what was chosen and loaded; everything
// that is shown is read anew from the chain after each step.
import type { Address } from "viem";
import { getAddress } from "viem";

import { type Held, type Place, commitment, consentFile, parseConsent, signedFile } from "./consent.js";
import { checkReceipt, parseReceipt } from "./receipt.js";
import { buildRecord, drawSalt } from "./record.js";
import { Registry } from "./registry.js";
import { PURPOSES, type Terms, days, parseTerms } from "./terms.js";
import { type Wallet, answered, discoverWallets, useChain } from "./wallets.js";

/** For the controller to bring a signed file to the chain. */
const FILE_SECONDS = 7 * 86_400;

/** For the wallet's own transaction to be mined. */
const SENT_SECONDS = 3_600;

let wallet: Wallet | undefined;
let account: Address | undefined;
let terms: Terms | undefined;
let held: Held | undefined;

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

function say(text: string, bad = false): void {
  const message = element("message");
  message.textContent = text;
  message.classList.toggle("bad", bad);
}

/** Runs what a person asked for, shows what is so afterwards, and then tells; a failure in the words of who refused. */
async function act(what: () => Promise<string>): Promise<void> {
  say("Working. Your wallet may ask you.");
  const told: string[] = [];
  let bad = false;
  for (const step of [what, refresh]) {
    try {
      told.push((await step()) ?? "");
    } catch (problem) {
      told.push(reasonOf(problem));
      bad = true;
    }
  }
  say(told.join(" ").trim(), bad);
}

function reasonOf(problem: unknown): string {
  const known = problem as { shortMessage?: string; metaMessages?: readonly string[]; message?: string };
  const details = known.metaMessages?.filter((line) => /Error: |^ *\(/.test(line)).join(" ") ?? "";
  return [known.shortMessage ?? known.message ?? String(problem), details].join(" ").trim();
}

function addWallet(found: Wallet): void {
  element("no-wallet").hidden = true;
  const button = document.createElement("button");
  if (found.info.icon.startsWith("data:image/")) {
    const icon = document.createElement("img");
    icon.src = found.info.icon;
    icon.alt = "";
    button.append(icon);
  }
  button.append(found.info.name);
  button.dataset["rdns"] = found.info.rdns;
  button.addEventListener("click", () => void act(() => connect(found, button)));
  element("wallets").append(button);
}

async function connect(chosen: Wallet, button: HTMLButtonElement): Promise<string> {
  const accounts = await answered(chosen.provider.request({ method: "eth_requestAccounts" }), "to connect");
  if (!accounts[0]) throw new Error("the wallet gave no account");
  wallet = chosen;
  account = getAddress(accounts[0]);
  for (const other of element("wallets").querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", "true");
  element("account").textContent = `Account ${account}`;
  return `Connected to ${chosen.info.name}.`;
}

function loadTerms(text: string): void {
  terms = parseTerms(text);
  if (held && !samePlace(held, terms)) held = undefined;
  element("controller").textContent = `${terms.controller.name} (${terms.controller.contact})`;
  element("dataset").textContent = terms.dataset;
  element("purposes").replaceChildren(...terms.purposes.map(item));
  element("retention").textContent = `${days(terms)} days from the day of your consent`;
  element("recipients").textContent = terms.recipients.length ? terms.recipients.join(", ") : "Nobody";
  const notice = element<HTMLAnchorElement>("notice");
  notice.href = notice.textContent = terms.notice;
  element("place").textContent = `contract ${terms.contract} on chain ${terms.chainId}`;
  element("terms").hidden = false;
  element<HTMLInputElement>("agree").checked = false;
}

function loadConsent(text: string): void {
  held = parseConsent(text);
  if (!terms || samePlace(held, terms)) return;
  terms = undefined;
  element("terms").hidden = true;
}

/** Whether two are of one registry: what is shown and done is about one at a time. */
function samePlace(one: Place, other: Place): boolean {
  return one.chainId === other.chainId && one.contract === other.contract;
}

function item(purpose: string): HTMLLIElement {
  const line = document.createElement("li");
  line.textContent = `${purpose}: ${PURPOSES[purpose]}`;
  return line;
}

/** The wallet, its account and the registry at `place`, whose chain is made the wallet's own. */
async function registryAt(place: Place & { readonly chain?: Terms["chain"] }): Promise<{ account: Address; registry: Registry }> {
  if (!wallet || !account) throw new Error("Choose a wallet first.");
  await useChain(wallet.provider, place as Terms);
  return { account, registry: new Registry(wallet.provider, place.contract, place.chainId) };
}

async function give(sent: boolean): Promise<string> {
  if (!terms) throw new Error("Load a request first.");
  const place = await registryAt(terms);
  const { version } = await place.registry.identityOf(place.account);
  const record = buildRecord(terms, place.account, moment(), crypto.randomUUID());
  const given: Held = { record, salt: drawSalt(), chainId: terms.chainId, contract: terms.contract };
  const action = version === 0n ? "RegisterIdentity" : "UpdateIdentity";
  const signed = await place.registry.sign(action, place.account, commitment(given), deadline(sent));
  // Saved before it is sent: a consent on the chain whose salt is lost could not be shown by anyone.
  save("consent.json", consentFile(signed, given));
  held = given;
  if (!sent) return "Signed. Give the saved file to the controller, and keep a copy: it is your proof.";
  await place.registry.send(signed);
  return "Your consent is recorded. Give the saved file to the controller, and keep a copy: it is your proof.";
}

async function withdraw(sent: boolean): Promise<string> {
  const at = held ?? terms;
  if (!at) throw new Error("Load your consent file or a request first.");
  const place = await registryAt(at);
  const identity = await place.registry.identityOf(place.account);
  const signed = await place.registry.sign("RevokeIdentity", place.account, identity.commitment, deadline(sent));
  if (sent) {
    await place.registry.send(signed);
    return "Your consent is withdrawn.";
  }
  save("withdrawal.json", signedFile(signed, { chainId: at.chainId, contract: at.contract }));
  return "Signed. Give the saved file to the controller, who records the withdrawal.";
}

async function prove(): Promise<string> {
  const challenge = element<HTMLInputElement>("challenge").value.trim();
  if (!/^0x[0-9a-f]{64}$/.test(challenge)) throw new Error("The challenge is 0x and 64 hexadecimal digits.");
  const at = held ?? terms;
  if (!at) throw new Error("Load your consent file or a request first.");
  const place = await registryAt(at);
  const signed = await place.registry.sign("Authenticate", place.account, challenge as `0x${string}`, deadline(false));
  save("proof.json", signedFile(signed, { chainId: at.chainId, contract: at.contract }));
  return "Signed. Give the saved file to whoever asked.";
}

async function check(text: string): Promise<string> {
  element("checks").hidden = true;
  const receipt = parseReceipt(text);
  const { registry } = await registryAt(receipt);
  const checks = await checkReceipt(receipt, registry);
  const rows = checks.map(({ name, holds, says }) => {
    const row = document.createElement("tr");
    row.dataset["check"] = name;
    row.insertCell().textContent = name;
    const cell = row.insertCell();
    cell.textContent = says;
    cell.className = holds ? "good" : "bad";
    return row;
  });
  element("checks").querySelector("tbody")?.replaceChildren(...rows);
  element("checks").hidden = false;
  return checks.every(({ holds }) => holds)
    ? `The receipt holds at contract ${receipt.contract} on chain ${receipt.chainId}. Not checked here: that the run key ` +
      "was authorised, and that the block is final; `faceledger verify` does."
    : "The receipt does not hold.";
}

/** Shows what the chain says of the account, and lets the person do what is possible now. */
async function refresh(): Promise<void> {
  const at = held ?? terms;
  const ready = wallet !== undefined && account !== undefined;
  const identity = ready && at ? await (await registryAt(at)).registry.identityOf(account!) : undefined;
  const active = identity !== undefined && identity.version > 0n && identity.revokedAt === 0n;
  const ended = identity !== undefined && identity.revokedAt > 0n;
  if (identity) element("standing").textContent = standing(identity.version, identity.revokedAt);
  showHeld(identity?.commitment, ended);
  const agreed = element<HTMLInputElement>("agree");
  agreed.disabled = !ready || !terms || ended;
  enable(["give", "give-file"], ready && terms !== undefined && !ended && agreed.checked);
  enable(["withdraw", "withdraw-file", "prove"], active);
}

function standing(version: bigint, revokedAt: bigint): string {
  if (version === 0n) return "This account has given no consent.";
  if (revokedAt === 0n) return `This account's consent stands (version ${version}).`;
  return `This account's consent was withdrawn on ${new Date(Number(revokedAt) * 1000).toUTCString()}.`;
}

function showHeld(onChain: string | undefined, ended: boolean): void {
  element("held").hidden = held === undefined;
  if (!held) return;
  const { record } = held;
  const purposes = record["dpv:hasProcess"]["dpv:hasPurpose"];
  element("held-controller").textContent = record["dpv:hasDataController"]["dpv:hasName"];
  element("held-purposes").textContent = purposes.map((purpose) => purpose.replace("faceledger:", "")).join(", ");
  element("held-created").textContent = record["dct:created"];
  const same = onChain === commitment(held);
  element("held-chain").textContent =
    onChain === undefined ? "unknown: choose a wallet" : ended ? "withdrawn" : same ? "recorded" : "not (yet) recorded";
}

function enable(ids: readonly string[], possible: boolean): void {
  for (const id of ids) element<HTMLButtonElement>(id).disabled = !possible;
}

function deadline(sent: boolean): number {
  return Math.floor(Date.now() / 1000) + (sent ? SENT_SECONDS : FILE_SECONDS);
}

function moment(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

function save(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function onFile(id: string, load: (text: string) => Promise<string>): void {
  const input = element<HTMLInputElement>(id);
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (!file) return;
    void act(async () => load(await file.text()));
    input.value = ""; // so that the same file, changed meanwhile, can be loaded again
  });
}

function onClick(id: string, what: () => Promise<string>): void {
  element(id).addEventListener("click", () => void act(what));
}

function start(): void {
  discoverWallets(addWallet);
  onFile("request-file", async (text) => (loadTerms(text), "Read it with care."));
  onFile("consent-file", async (text) => (loadConsent(text), "Your consent file is loaded."));
  onFile("receipt-file", check);
  onClick("give", () => give(true));
  onClick("give-file", () => give(false));
  onClick("withdraw", () => withdraw(true));
  onClick("withdraw-file", () => withdraw(false));
  onClick("prove", prove);
  element("agree").addEventListener("change", () =>
    void refresh().catch((problem: unknown) => say(reasonOf(problem), true)));
  const linked = new URLSearchParams(location.hash.slice(1)).get("request");
  if (linked) void act(async () => (loadTerms(new TextDecoder().decode(fromBase64Url(linked))), "Read it with care."));
}

function fromBase64Url(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

start();
