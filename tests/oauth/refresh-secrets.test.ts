// Where the tokens of a refresh can be found while it runs and after it: nowhere but in memory.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Vault } from "../../broker/vault/vault.ts";
import type { MintedGrant, OAuthPeer } from "./oauth-peer.ts";
import { RefreshUnderTest, storeGrant } from "./refresh-under-test.ts";
import { RefreshWorker } from "./refresh-workers.ts";
import { startTokenServer } from "./token-server.ts";

// What a shell exports by itself.
const OF_THE_SHELL = ["PWD", "OLDPWD", "SHLVL", "_"];

/** Every byte below a directory. */
function bytesBelow(directory: string): string {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "latin1"))
    .join("\n");
}

function spoolFile(home: string, kind: string): string | undefined {
  const directory = join(home, "refresh");
  const name = readdirSync(directory).find((each) => each.endsWith(`.${kind}`));
  return name && join(directory, name);
}

async function tokensOf(peer: OAuthPeer, vault: Vault, grant: MintedGrant): Promise<string[]> {
  const { liveRefreshTokens = [] } = (await peer.family(grant.refresh_token)) ?? {};
  const stored = vault.read().credentials.map(({ credential }) => credential);
  const access = stored.flatMap((each) => (each.type === "oauth" ? [each.access] : []));
  return [grant.access_token, grant.refresh_token, ...liveRefreshTokens, ...access];
}

// The command line and environment of another process can be read on Linux only.
test.skipIf(process.platform !== "linux")(
  "neither files, nor the child's command line and environment, nor the log hold a token",
  async () => {
    await using peer = await startTokenServer();
    await using under = new RefreshUnderTest(peer);
    const vault = under.openVault();
    const { id, grant } = await storeGrant(vault, peer);
    await peer.fault("slow-after-commit", { delayMs: 300 });
    const env = { HTTP_PROXY: "", NO_PROXY: "127.0.0.1", PARLEY_VAULT_KEY: "canary-vault-key" };
    const refreshing = under.refresher({ vault, env }).refresh(id);
    while ((await peer.ledger()).refreshes === 0) await Bun.sleep(2);

    const { pid } = JSON.parse(readFileSync(spoolFile(under.home, "sent") ?? "", "utf8"));
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter(Boolean);
    expect(commandLine).toContain("exchange-child.ts");
    const names = environment.map((each) => each.split("=")[0] ?? "");
    const inherited = names.filter((name) => !OF_THE_SHELL.includes(name));
    expect(inherited.toSorted()).toEqual(["HTTP_PROXY", "NO_PROXY"]);
    expect(readFileSync(`/proc/${pid}/limits`, "utf8")).toMatch(/Max core file size +0 +0/);
    const during = bytesBelow(under.home) + commandLine + environment.join("\n");
    await refreshing;
    const after = bytesBelow(under.home) + under.lines.join("");
    for (const token of await tokensOf(peer, vault, grant)) {
      expect(during.includes(token)).toBe(false);
      expect(after.includes(token)).toBe(false);
    }
    expect(during).not.toContain("canary-vault-key");
  },
);

test("an answer that waits on the disk for a broker is sealed and private", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id, grant } = await storeGrant(vault, peer);
  await peer.fault("slow-after-commit", { delayMs: 200 });
  await using worker = new RefreshWorker(under, peer, { ids: [id] });
  expect(await worker.line()).toBe("ready");
  await worker.go();
  while ((await peer.ledger()).refreshes === 0) await Bun.sleep(2);
  worker.signal("SIGKILL");
  while (spoolFile(under.home, "answer") === undefined) await Bun.sleep(2);
  const bytes = bytesBelow(under.home);
  for (const name of readdirSync(join(under.home, "refresh"))) {
    expect(statSync(join(under.home, "refresh", name)).mode & 0o777).toBe(0o600);
  }
  expect(statSync(join(under.home, "refresh")).mode & 0o777).toBe(0o700);
  await under.refresher({ vault }).sweep();
  const tokens = await tokensOf(peer, vault, grant);
  expect(tokens).toContainEqual(expect.stringMatching(/^rt-/));
  for (const token of tokens) expect(bytes.includes(token)).toBe(false);
  expect(readdirSync(join(under.home, "refresh"))).toEqual([]);
});
