// The gate: right tokens always pass, wrong ones are refused, slowed down and remembered.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VaultFile } from "../vault/vault-file.ts";
import type { AuditEvent } from "./audit-event.ts";
import { MAX_FAILURES } from "./auth-failures.ts";
import { Authenticator } from "./authenticator.ts";
import { ClientTokens } from "./client-tokens.ts";
import { allows, PERMISSIONS, ProviderScope } from "./permissions.ts";

const OWNER_TOKEN = "plb_owner-token-0123456789";
const ADDRESS = "203.0.113.7";

let home: string;
let file: VaultFile;
let tokens: ClientTokens;
let gate: Authenticator;
let events: AuditEvent[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-gate-"));
  file = VaultFile.open(home);
  tokens = new ClientTokens(file);
  events = [];
  gate = new Authenticator({
    ownerToken: OWNER_TOKEN,
    tokens,
    record: (event) => void events.push(event),
  });
});

afterEach(() => {
  gate.close();
  tokens.close();
  file.database.close();
  rmSync(home, { recursive: true });
});

const admit = (candidate: string | undefined, address: string | undefined = ADDRESS) =>
  gate.admit({ candidate, address });

test("the owner's token is the owner, a client's token that client", () => {
  expect(admit(OWNER_TOKEN).principal?.tokenId).toBe("owner");
  const { token } = tokens.create({
    name: "ci",
    permissions: ["usage"],
    scope: ProviderScope.all,
    expiresAtMs: null,
    isLeaseOnly: false,
  });
  expect(admit(token).principal).toMatchObject({ name: "ci", permissions: ["usage"] });
});

describe("every permission in every scope", () => {
  const scopes = [["*"], ["openai"], ["mcp_oauth:*", "google"]];
  const providers = ["openai", "google", "mcp_oauth:x", "anthropic"];
  for (const permission of PERMISSIONS) {
    test.each(scopes.map((patterns) => [patterns]))(
      `${permission} for %j and nothing more`,
      (patterns) => {
        const scope = ProviderScope.parse(patterns);
        const { token } = tokens.create({
          name: "one",
          permissions: [permission],
          scope,
          expiresAtMs: null,
          isLeaseOnly: false,
        });
        const { principal } = admit(token);
        if (!principal) throw new Error("refused");
        const opened = PERMISSIONS.filter((needed) => allows(principal.permissions, needed));
        expect(opened).toEqual(permission === "admin" ? [...PERMISSIONS] : [permission]);
        const seen = providers.filter((provider) => principal.scope.sees(provider));
        const isMeant = (provider: string) =>
          patterns.some(
            (one) =>
              one === "*" ||
              one === provider ||
              (one.endsWith(":*") && provider.startsWith("mcp_oauth:")),
          );
        expect(seen).toEqual(providers.filter(isMeant));
      },
    );
  }
});

test("a wrong token, or none, is refused; the eleventh in a minute has to wait", () => {
  for (let failure = 0; failure < MAX_FAILURES; failure += 1) {
    const candidate = failure % 2 === 0 ? undefined : `plb_wrong-${failure}`;
    expect(admit(candidate)).toEqual({ principal: undefined, retryAfterSeconds: undefined });
  }
  expect(admit("plb_wrong")).toEqual({ principal: undefined, retryAfterSeconds: 60 });
});

test("a right token passes from an address that has just failed a thousand times", () => {
  for (let failure = 0; failure < 1_000; failure += 1) admit("plb_wrong");
  expect(admit(OWNER_TOKEN).principal?.name).toBe("owner");
  expect(admit("plb_wrong")).toMatchObject({ retryAfterSeconds: 60 });
});

test("what was refused is recorded without the candidate, a flood as two records", () => {
  gate.admit({ candidate: "plb_canary-candidate", address: ADDRESS, requestId: "r1" });
  for (let failure = 0; failure < 1_000; failure += 1) admit("plb_canary-candidate");
  gate.close();
  expect(events.map(({ actor, detail }) => [actor, detail])).toEqual([
    [ADDRESS, "unknown, expired or revoked token"],
    [ADDRESS, "1000 more within a minute"],
  ]);
  expect(JSON.stringify(events)).not.toContain("canary");
});

test("when the vault cannot be read nobody passes", () => {
  file.database.close();
  expect(() => admit(OWNER_TOKEN)).toThrow();
  file = VaultFile.open(home);
  tokens = new ClientTokens(file);
});
