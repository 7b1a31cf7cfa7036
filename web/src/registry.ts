// The contract's registry, through the wallet alone: the page itself opens no connection to anywhere.
import {
  type Address, type Chain, type EIP1193Provider, type Hex, type PublicClient, type WalletClient,
  type WriteContractParameters, createPublicClient, createWalletClient, custom, defineChain, getContract, keccak256, parseAbi,
  zeroHash,
} from "viem";

import { answered } from "./wallets.js";

export type Action = "RegisterIdentity" | "UpdateIdentity" | "RevokeIdentity" | "Authenticate";

export interface Identity {
  readonly commitment: Hex;
  readonly version: bigint;
  readonly revokedAt: bigint;
}

/** What the wallet signed; anyone may bring it to the contract until `deadline` (seconds since 1970). */
export interface Signed {
  readonly action: Action;
  readonly wallet: Address;
  readonly value: Hex;
  readonly nonce: number;
  readonly deadline: number;
  readonly signature: Hex;
}

const ABI = parseAbi([
  "function identityOf(address wallet) view returns (bytes32 commitment, uint64 version, uint64 revokedAt)",
  "function nonces(address wallet) view returns (uint256)",
  "function committedRoot(bytes32 batchId) view returns (bytes32)",
  "function commitmentRevokedAt(bytes32 nullifier) view returns (uint64)",
  "function registerIdentity(address wallet, bytes32 commitment, uint256 deadline, bytes signature)",
  "function updateIdentity(address wallet, bytes32 commitment, uint256 deadline, bytes signature)",
  "function revokeIdentity(address wallet, uint256 deadline, bytes signature)",
  "error IdentityAlreadyRegistered(address wallet)",
  "error IdentityNotActive(address wallet)",
  "error InvalidCommitment(address wallet)",
  "error ConsentExpired(address wallet, uint256 deadline)",
  "error InvalidConsent(address wallet, uint256 nonce)",
  "error EnforcedPause()",
]);

export class Registry {
  private readonly chain: Chain;
  private readonly client: PublicClient;
  private readonly wallet: WalletClient;

  constructor(
    provider: EIP1193Provider,
    private readonly contract: Address,
    chainId: number,
  ) {
    const nativeCurrency = { name: "Ether", symbol: "ETH", decimals: 18 };
    this.chain = defineChain({ id: chainId, name: `chain ${chainId}`, nativeCurrency, rpcUrls: { default: { http: [] } } });
    this.client = createPublicClient({ chain: this.chain, transport: custom(provider), pollingInterval: 1_000 });
    this.wallet = createWalletClient({ chain: this.chain, transport: custom(provider) });
  }

  /** The identity of `wallet`: version 0 if it never had one. */
  async identityOf(wallet: Address): Promise<Identity> {
    const [commitment, version, revokedAt] = await this.reader().identityOf([wallet]);
    return { commitment, version, revokedAt };
  }

  /** The root of a batch, or null if it is not committed. */
  async committedRoot(batchId: Hex): Promise<Hex | null> {
    const root = await this.reader().committedRoot([batchId]);
    return root === zeroHash ? null : root;
  }

  /** Keccak-256 of the code that runs there; the hash of nothing where there is none. */
  async codeHash(): Promise<Hex> {
    return keccak256((await this.client.getCode({ address: this.contract })) ?? "0x");
  }

  /** When a commitment was revoked (seconds since 1970), or null. */
  async revokedAt(nullifier: Hex): Promise<number | null> {
    return Number(await this.reader().commitmentRevokedAt([nullifier])) || null;
  }

  /** Lets the wallet sign `action` over `value`, to count until `deadline`. */
  async sign(action: Action, wallet: Address, value: Hex, deadline: number): Promise<Signed> {
    const nonce = await this.reader().nonces([wallet]);
    const name = action === "Authenticate" ? "challenge" : "commitment";
    const asked = this.wallet.signTypedData({
      account: wallet,
      domain: { name: "FaceLedger", version: "1", chainId: this.chain.id, verifyingContract: this.contract },
      types: {
        [action]: [
          { name: "wallet", type: "address" }, { name, type: "bytes32" },
          { name: "nonce", type: "uint256" }, { name: "deadline", type: "uint256" },
        ],
      },
      primaryType: action,
      message: { wallet, [name]: value, nonce, deadline: BigInt(deadline) },
    });
    const signature = await answered(asked, "to sign");
    return { action, wallet, value, nonce: Number(nonce), deadline, signature };
  }

  /** Sends what was signed from the same wallet, and waits for its block. An Error says what the contract refused. */
  async send(signed: Signed): Promise<void> {
    const { request } = await this.simulate(signed);
    const hash = await answered(this.wallet.writeContract(request as WriteContractParameters), "to send the transaction");
    const receipt = await this.client.waitForTransactionReceipt({ hash, timeout: 120_000 });
    if (receipt.status !== "success") throw new Error("the contract refused the transaction");
  }

  private reader() {
    return getContract({ address: this.contract, abi: ABI, client: this.client }).read;
  }

  private simulate({ action, wallet, value, deadline, signature }: Signed) {
    const { simulate } = getContract({ address: this.contract, abi: ABI, client: this.client });
    const until = BigInt(deadline);
    switch (action) {
      case "RegisterIdentity":
        return simulate.registerIdentity([wallet, value, until, signature], { account: wallet });
      case "UpdateIdentity":
        return simulate.updateIdentity([wallet, value, until, signature], { account: wallet });
      case "RevokeIdentity":
        return simulate.revokeIdentity([wallet, until, signature], { account: wallet });
      case "Authenticate":
        throw new Error("a proof is shown to whom it is for, not sent");
    }
  }
}
