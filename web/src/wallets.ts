// Wallets in this browser (EIP-6963), asked by EIP-1193 and never waited for longer than a person would.
import type { EIP1193Provider, Hex } from "viem";
import { numberToHex } from "viem";

import type { Terms } from "./terms.js";

export interface Wallet {
  readonly info: { readonly uuid: string; readonly name: string; readonly icon: string; readonly rdns: string };
  readonly provider: EIP1193Provider;
}

/** For a person to read what the wallet shows, and to decide; some wallets never answer what they refuse. */
export const DECISION_MS = 180_000;

const UNKNOWN_CHAIN = 4902;

/** Calls `found` for each wallet that announces itself, now or later. */
export function discoverWallets(found: (wallet: Wallet) => void): void {
  const seen = new Set<string>();
  window.addEventListener("eip6963:announceProvider", (event) => {
    const wallet = (event as CustomEvent<Wallet>).detail;
    if (seen.has(wallet.info.uuid)) return;
    seen.add(wallet.info.uuid);
    found(wallet);
  });
  window.dispatchEvent(new Event("eip6963:requestProvider"));
}

/** What `asked` answers, or an Error that says which question the wallet left open. */
export async function answered<T>(asked: Promise<T>, question: string): Promise<T> {
  let timer = 0;
  const late = new Promise<never>((_, reject) => {
    timer = window.setTimeout(() => reject(new Error(`the wallet did not answer: ${question}`)), DECISION_MS);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    window.clearTimeout(timer);
  }
}

/** Makes the chain of `terms` the wallet's own: wallets refuse signatures for a chain that is not active. */
export async function useChain(provider: EIP1193Provider, terms: Terms): Promise<void> {
  const chainId: Hex = numberToHex(terms.chainId);
  if (Number(await provider.request({ method: "eth_chainId" })) === terms.chainId) return;
  try {
    const asked = provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] });
    await answered(asked, `to use chain ${terms.chainId}`);
  } catch (problem) {
    if ((problem as { code?: number }).code !== UNKNOWN_CHAIN || !terms.chain) throw problem;
    const chain = {
      chainId,
      chainName: terms.chain.name,
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: [terms.chain.rpc],
    };
    await answered(provider.request({ method: "wallet_addEthereumChain", params: [chain] }), `to add ${chain.chainName}`);
  }
}
