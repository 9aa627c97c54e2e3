// The login engine against a real OpenID server: what an attacker between the two can do, and what a failure at
// any step leaves behind.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { brokerKeys, login, type LoginPrompts, openRegistry, Vault } from "#broker";
import { createOutbound, type Fetch, loadConfig } from "#platform";
import { AgentHome } from "./agent-command.ts";
import { describeOidc, IDP } from "./oidc-descriptor.ts";
import { type OidcServer, startOidcServer } from "./oidc-server.ts";
import { postRefresh } from "./peer-client.ts";
import { ScriptedBrowser } from "./scripted-browser.ts";

let server: OidcServer;

beforeAll(async () => {
  server = await startOidcServer();
});

afterAll(() => server[Symbol.asyncDispose]());

type Changes = Parameters<typeof describeOidc>[1];

/** A provider as the operator of some home describes it. */
function registered(entry: unknown) {
  using home = new AgentHome({ auth: { providers: { [IDP]: entry } } });
  const env = { PARLEY_HOME: home.path };
  const found = openRegistry(loadConfig({ keys: brokerKeys, env, cwd: home.path })).find(IDP);
  if (found === undefined) throw new Error("not described");
  return found;
}

/** A person who visits the address in some way. */
function person(visit: (url: string) => Promise<unknown>): LoginPrompts {
  return { visit: ({ url }) => void visit(url).catch(() => {}), explain: () => {} };
}

const honest = person((url) => new ScriptedBrowser().login(url));

type Options = Partial<Parameters<typeof login>[1]> & { readonly changes?: Changes };

function run(prompts: LoginPrompts, { changes, ...options }: Options = {}) {
  return login(registered(describeOidc(server, changes)), {
    prompts,
    installId: "inst-1",
    ...options,
  });
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const error: unknown = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  return error instanceof Error && "code" in error ? error.code : error;
}

/** The authorization URL with some of its parameters replaced. */
function tampered(url: string, changes: Readonly<Record<string, string>>): string {
  const other = new URL(url);
  for (const [name, value] of Object.entries(changes)) other.searchParams.set(name, value);
  return other.href;
}

test("a login ends with a grant that can be refreshed, and a verified account", async () => {
  const { credential } = await run(
    person((url) => new ScriptedBrowser({ account: "eve" }).login(url)),
  );
  expect(credential).toMatchObject({ type: "oauth", email: "eve@example.test", accountId: "eve" });
  if (credential.type !== "oauth") throw new Error("no grant");
  expect((await postRefresh(server, credential.refresh)).status).toBe(200);
});

describe("a callback", () => {
  test("with another state does not end the login; the right one after it does", async () => {
    const statuses: number[] = [];
    const prompts = person(async (url) => {
      const callback = await new ScriptedBrowser().authorize(url);
      const forged = tampered(callback.href, { state: "forged", code: "attacker's" });
      statuses.push((await fetch(forged)).status, (await fetch(callback)).status);
    });
    expect(await run(prompts)).toHaveProperty("credential");
    expect(statuses[0]).toBe(400);
  });

  test("of another issuer is a mix-up, and its code goes nowhere", async () => {
    const before = (await server.ledger()).tokenRequests;
    const prompts = person(async (url) => {
      const callback = await new ScriptedBrowser().authorize(url);
      await fetch(tampered(callback.href, { iss: "https://evil.example" }));
    });
    expect(await codeOf(run(prompts))).toBe("login_mix_up");
    expect((await server.ledger()).tokenRequests).toBe(before);
  });

  test("without the issuer that is expected is a mix-up as well", async () => {
    await using silent = await startOidcServer({ sendsIssuer: false });
    const mute = login(registered(describeOidc(silent)), { prompts: honest, installId: "inst-1" });
    expect(await codeOf(mute)).toBe("login_mix_up");
  });

  test("with the person's no is a refusal", async () => {
    const prompts = person((url) => new ScriptedBrowser({ denies: true }).login(url));
    expect(await codeOf(run(prompts))).toBe("login_refused");
  });
});

describe("a code", () => {
  test("that has expired is refused", async () => {
    const prompts = person(async (url) => {
      const callback = await new ScriptedBrowser().authorize(url);
      server.expireCodes();
      await fetch(callback);
    });
    expect(await codeOf(run(prompts))).toBe("login_refused");
  });

  test("of somebody else's login is refused: its verifier is another", async () => {
    const stolen = Promise.withResolvers<string>();
    const abort = new AbortController();
    const victim = person(async (url) => {
      const callback = await new ScriptedBrowser().authorize(url);
      stolen.resolve(callback.searchParams.get("code") ?? "");
    });
    const waiting = run(victim, { signal: abort.signal });
    const injecting = person(async (url) => {
      const callback = await new ScriptedBrowser().authorize(url);
      await fetch(tampered(callback.href, { code: await stolen.promise }));
    });
    expect(await codeOf(run(injecting))).toBe("login_refused");
    abort.abort(new Error("done"));
    await waiting.catch(() => {});
  });

  test("is exchanged once, whatever the token endpoint does to it", async () => {
    for (const fault of [
      "drop-before",
      "waf403",
      "html200",
      "garbage",
      "error200",
      "hugejson",
      "redirect",
    ] as const) {
      await server.fault(fault);
      const before = (await server.ledger()).tokenRequests;
      expect(await codeOf(run(honest))).toMatch(/^login_(?:refused|unreachable)$/);
      expect((await server.ledger()).tokenRequests).toBe(before + 1);
    }
    expect((await server.ledger()).redirected).toBe(0);
  });
});

describe("an ID token", () => {
  test("of another nonce is refused, though the server signed it", async () => {
    const prompts = person((url) => new ScriptedBrowser().login(tampered(url, { nonce: "other" })));
    expect(await codeOf(run(prompts))).toBe("id_token_invalid");
  });

  const idToken = () => ({ issuer: server.issuer, jwksUrl: server.jwksUri, algorithms: ["RS256"] });

  test("of an algorithm that is not listed, or of another issuer, is refused", async () => {
    for (const change of [{ algorithms: ["ES256"] }, { issuer: "https://other.example" }]) {
      const changes = { flow: { idToken: { ...idToken(), ...change } } };
      expect(await codeOf(run(honest, { changes }))).toBe("id_token_invalid");
    }
  });

  test("that has ended, by our clock, is refused", async () => {
    const tomorrowMs = Date.now() + 2 * 86_400_000;
    expect(await codeOf(run(honest, { nowMs: () => tomorrowMs }))).toBe("id_token_invalid");
  });

  test("that is not there is refused", async () => {
    const fetchWithout: Fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (url !== server.tokenEndpoint) return answer;
      const { id_token: _, ...rest } = (await answer.json()) as Record<string, unknown>;
      return Response.json(rest, { status: answer.status });
    };
    const outbound = createOutbound({ fetch: fetchWithout });
    expect(await codeOf(run(honest, { outbound }))).toBe("id_token_invalid");
  });
});

test("a device that is told to slow down does, and gets its grant", async () => {
  const { deviceAuthorizationEndpoint: deviceUrl, tokenEndpoint: tokenUrl } = server;
  const described = describeOidc(server);
  const { clientId, scopes } = described.oauth.flow;
  const entry = {
    ...described,
    oauth: { ...described.oauth, flow: { kind: "device", clientId, scopes, deviceUrl, tokenUrl } },
  };
  await server.fault("slow-down-400");
  const typed = Promise.withResolvers<void>();
  const prompts: LoginPrompts = {
    visit: ({ url, code = "" }) => {
      const page = new URL(url);
      page.search = "";
      void new ScriptedBrowser().enterUserCode(page.href, code).then(() => typed.resolve());
    },
    explain: () => {},
  };
  const sleptS: number[] = [];
  const sleep = async (ms: number) => {
    sleptS.push(ms / 1000);
    if (sleptS.length > 1) await typed.promise;
  };
  const { credential } = await login(registered(entry), { prompts, installId: "inst-1", sleep });
  expect(credential.type).toBe("oauth");
  expect(sleptS).toEqual([5, 10]);
});

describe("a failure at any step of fetching or storing", () => {
  /** Throws at the k-th step; `hasFired` says whether there was one. */
  function faultAt(k: number) {
    let steps = 0;
    const step = () => {
      steps += 1;
      if (steps === k) throw new Error(`step ${k}`);
    };
    return { step, hasFired: () => steps >= k };
  }

  /** Every statement of a vault passes `step` first. */
  function faultyStatements(vault: Vault, step: () => void): Disposable {
    const prototype: unknown = Object.getPrototypeOf(vault.file.database.prepare("SELECT 1"));
    const statements = prototype as Record<string, (...args: unknown[]) => unknown>;
    const names = ["run", "get", "all"] as const;
    const originals = names.map((name) => [name, statements[name]] as const);
    for (const [name, original] of originals) {
      statements[name] = function failing(this: unknown, ...args: unknown[]) {
        step();
        return original?.apply(this, args);
      };
    }
    return {
      [Symbol.dispose]: () => {
        for (const [name, original] of originals) if (original) statements[name] = original;
      },
    };
  }

  test("leaves a whole credential or none", async () => {
    const outcomes: string[] = [];
    for (let k = 1; ; k += 1) {
      using home = new AgentHome();
      const { step, hasFired } = faultAt(k);
      const failing: Fetch = async (url, init) => {
        step();
        return fetch(url, init);
      };
      const vault = Vault.open(home.path);
      const outbound = createOutbound({ fetch: failing });
      const outcome = await run(honest, { outbound })
        .then(({ provider: id, credential }) => {
          using _faults = faultyStatements(vault, step);
          vault.upsert(id, credential);
          return "stored";
        })
        .catch(() => "failed");
      vault.close();
      const again = Vault.open(home.path);
      const { credentials } = again.read();
      again.close();
      outcomes.push(outcome);
      if (outcome === "stored") expect(credentials).toHaveLength(1);
      expect(credentials.length).toBeLessThanOrEqual(1);
      for (const { credential } of credentials) {
        expect(credential).toMatchObject({ type: "oauth", email: "alice@example.test" });
      }
      if (!hasFired()) break;
    }
    expect(outcomes.at(-1)).toBe("stored");
    // Two calls to the provider, and several statements: otherwise the faults missed their aim.
    expect(outcomes.length).toBeGreaterThan(5);
    expect(outcomes[0]).toBe("failed");
  }, 60_000);
});
