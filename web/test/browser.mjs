// A real headless browser with the page in it and a wallet that really signs, driven by lines of JSON.
// In: one command a line, [name, ...arguments]. Out: one line each, {ok} or {error}. `enter` begins a visit of somebody
// who was never here: {rpc, key, downloads}. Their wallet holds the key here, outside of the page, signs EIP-712 messages
// and transactions, and hands every other question to the node at `rpc`.
import chromium from "@sparticuz/chromium";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";
import { createPublicClient, createWalletClient, http, numberToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const DEADLINE_MS = 20_000;

function walletOf({ rpc, key }) {
  const account = privateKeyToAccount(key);
  const node = createPublicClient({ transport: http(rpc) });
  const signer = createWalletClient({ account, transport: http(rpc) });
  const wallet = { active: null, refuses: null };
  wallet.request = async (method, params = []) => {
    if (method === wallet.refuses) return { error: { code: 4001, message: "the person declined" } };
    try {
      return { result: await answer(method, params) };
    } catch (problem) {
      return { error: { code: problem.code ?? -32603, message: problem.shortMessage ?? problem.message, data: problem.data } };
    }
  };
  const answer = async (method, params) => {
    const actual = numberToHex(await node.getChainId());
    switch (method) {
      case "eth_requestAccounts":
      case "eth_accounts":
        return [account.address];
      case "eth_chainId":
        return wallet.active ?? "0x1"; // as a wallet that was last used on the main network
      case "wallet_switchEthereumChain":
        if (params[0].chainId !== actual) throw Object.assign(new Error("unknown chain"), { code: 4902 });
        wallet.active = actual;
        return null;
      case "eth_signTypedData_v4": {
        const typed = JSON.parse(params[1]);
        if (numberToHex(Number(typed.domain.chainId)) !== wallet.active) throw new Error("the domain's chain is not active");
        const { EIP712Domain: _, ...types } = typed.types;
        return account.signTypedData({ ...typed, types });
      }
      case "eth_sendTransaction": {
        const { to, data } = params[0];
        return signer.sendTransaction({ to, data, chain: null });
      }
      default:
        return await node.request({ method, params });
    }
  };
  return wallet;
}

// Runs in the page before its own code: the wallet announces itself as EIP-6963 asks.
function announce() {
  const provider = {
    request: async ({ method, params }) => {
      const { result, error } = await window.walletRequest(method, params);
      if (error) throw Object.assign(new Error(error.message), error);
      return result;
    },
    on() {},
    removeListener() {},
  };
  const info = { uuid: "350670db-19fa-4704-a166-e52e178b59d2", name: "Test Wallet", rdns: "dev.faceledger.wallet",
    icon: "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>" };
  const tell = () =>
    window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }));
  window.addEventListener("eip6963:requestProvider", tell);
  tell();
}

async function enter(browser, given) {
  const context = await browser.createBrowserContext({
    downloadBehavior: { policy: "allow", downloadPath: given.downloads },
  });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  const wallet = walletOf(given);
  await page.exposeFunction("walletRequest", wallet.request);
  await page.evaluateOnNewDocument(announce);
  return { context, page, wallet, requests };
}

const COMMANDS = {
  open: async ({ page }, url) => void (await page.goto(url)),
  click: async ({ page }, selector) => {
    await page.waitForSelector(`${selector}:not([disabled])`);
    await page.click(selector);
  },
  upload: async ({ page }, selector, path) => (await page.$(selector)).uploadFile(path),
  type: async ({ page }, selector, text) => page.type(selector, text),
  said: async ({ page }, text) =>
    void (await page.waitForFunction((wanted) => document.getElementById("message").textContent.includes(wanted),
      { polling: 20 }, text)),
  text: async ({ page }, selector) => page.$eval(selector, (found) => found.textContent),
  texts: async ({ page }, selector) => page.$$eval(selector, (found) => found.map((one) => one.textContent)),
  disabled: async ({ page }, selector) => page.$eval(selector, (found) => found.disabled),
  refuse: async ({ wallet }, method) => void (wallet.refuses = method),
  requests: async ({ requests }) => requests,
};

// One process for all, as serverless hosts want it, allows no second context.
const ARGUMENTS = [...chromium.args.filter((argument) => argument !== "--single-process"), "--no-sandbox"];

const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(), args: ARGUMENTS, headless: "shell",
});
try {
  let visit;
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, ...args] = JSON.parse(line);
    const done = async () => {
      if (name !== "enter") return await COMMANDS[name](visit, ...args);
      await visit?.context.close();
      visit = await enter(browser, ...args);
    };
    console.log(JSON.stringify(await done().then((ok) => ({ ok: ok ?? null }), (error) => ({ error: error.message }))));
  }
} finally {
  await browser.close();
}
