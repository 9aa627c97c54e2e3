// `agent auth-broker login` and `logout` as processes, against a real OpenID server, through a scripted browser.

import { describe, expect, test } from "bun:test";
import { startBroker, Vault, brokerKeys } from "#broker";
import { createLogger, loadConfig } from "#platform";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentHome } from "./agent-command.ts";
import { describeOidc, IDP } from "./oidc-descriptor.ts";
import { type OidcServer, startOidcServer } from "./oidc-server.ts";
import { ScriptedBrowser } from "./scripted-browser.ts";

const URL_LINE = /^ {2}(http:\/\/\S+)$/m;
const LOGIN = ["auth-broker", "login"];

function homeFor(server: OidcServer, changes?: Parameters<typeof describeOidc>[1]): AgentHome {
  return new AgentHome({ auth: { providers: { [IDP]: describeOidc(server, changes) } } });
}

function stored(home: AgentHome) {
  if (!existsSync(join(home.path, "vault.db"))) return [];
  const vault = Vault.open(home.path);
  const { credentials } = vault.read();
  vault.close();
  return credentials;
}

describe("a login", () => {
  test("ends with a grant in the vault that knows its account, and prints none of it", async () => {
    await using server = await startOidcServer({ accessTokenTtlS: 120 });
    using home = homeFor(server);
    const run = home.run([...LOGIN, IDP]);
    const browser = new ScriptedBrowser({ account: "bob" });
    const callback = await browser.authorize(await run.sees(URL_LINE));
    const page = await fetch(callback);
    expect(page.status).toBe(200);
    expect(await run.exited).toBe(0);
    expect(run.output()).toContain("Test IdP: stored in the vault of this host.");
    const [grant] = stored(home);
    expect(grant).toMatchObject({ provider: IDP, identityKey: "email:bob@example.test" });
    const { credential } = grant ?? {};
    if (credential?.type !== "oauth") throw new Error("no grant");
    expect(await server.family(credential.refresh)).toMatchObject({ isAlive: true, refreshes: 0 });
    const code = callback.searchParams.get("code") ?? "-";
    for (const secret of [credential.access, credential.refresh, code]) {
      expect(run.output()).not.toContain(secret);
    }
  });

  test("goes to the configured broker, when there is one", async () => {
    await using server = await startOidcServer();
    using host = new AgentHome();
    using home = homeFor(server);
    const env = { PARLEY_HOME: host.path, PARLEY_BROKER_BIND: "127.0.0.1:0" };
    const config = loadConfig({ keys: brokerKeys, env, cwd: host.path });
    const broker = await startBroker({ config, env, log: createLogger({ level: "silent" }) });
    const connection = {
      PARLEY_AUTH_BROKER_URL: broker.url,
      PARLEY_AUTH_BROKER_TOKEN: broker.token,
    };
    const run = home.run([...LOGIN, IDP], { env: connection });
    await new ScriptedBrowser().login(await run.sees(URL_LINE));
    expect(await run.exited).toBe(0);
    expect(broker.vault.read().credentials).toHaveLength(1);
    expect(existsSync(join(home.path, "vault.db"))).toBeFalse();
    await broker.stop();
  });

  test("says that a broker refuses the token before anyone logs in", async () => {
    await using server = await startOidcServer();
    using host = new AgentHome();
    using home = homeFor(server);
    const bind = { PARLEY_HOME: host.path, PARLEY_BROKER_BIND: "127.0.0.1:0" };
    const config = loadConfig({ keys: brokerKeys, env: bind, cwd: host.path });
    const broker = await startBroker({ config, env: bind, log: createLogger({ level: "silent" }) });
    const token = "plb_0123456789abcdef";
    const env = { PARLEY_AUTH_BROKER_URL: broker.url, PARLEY_AUTH_BROKER_TOKEN: token };
    const run = home.run([...LOGIN, IDP], { env });
    expect(await run.exited).not.toBe(0);
    expect(run.output()).toContain("refused the token");
    expect(run.output()).not.toMatch(URL_LINE);
    await broker.stop();
  });

  test("says that a broker is gone before anyone logs in", async () => {
    await using server = await startOidcServer();
    using home = homeFor(server);
    const env = {
      PARLEY_AUTH_BROKER_URL: "http://127.0.0.1:1",
      PARLEY_AUTH_BROKER_TOKEN: "plb_0123456789abcdef",
    };
    const run = home.run([...LOGIN, IDP], { env });
    expect(await run.exited).not.toBe(0);
    expect(run.output()).not.toMatch(URL_LINE);
    expect((await server.ledger()).tokenRequests).toBe(0);
  });

  test("by device code shows the code and waits", async () => {
    await using server = await startOidcServer();
    const { deviceAuthorizationEndpoint: deviceUrl, tokenEndpoint: tokenUrl } = server;
    const entry = describeOidc(server, { identity: undefined });
    const { clientId, scopes } = entry.oauth.flow;
    const flow = { kind: "device", clientId, scopes, deviceUrl, tokenUrl };
    const oauth = { ...entry.oauth, flow };
    using home = new AgentHome({ auth: { providers: { [IDP]: { ...entry, oauth } } } });
    const run = home.run([...LOGIN, IDP]);
    const url = await run.sees(URL_LINE);
    const code = await run.sees(/enter the code {2}(\S+)/);
    await new ScriptedBrowser().enterUserCode(url.split("?")[0] ?? url, code);
    expect(await run.exited).toBe(0);
    expect(stored(home)).toHaveLength(1);
  }, 30_000);

  test("that is interrupted exits with 130, stores nothing and frees the port", async () => {
    await using server = await startOidcServer();
    using home = homeFor(server);
    const run = home.run([...LOGIN, IDP]);
    const url = new URL(await run.sees(URL_LINE));
    run.kill("SIGINT");
    expect(await run.exited).toBe(130);
    expect(stored(home)).toEqual([]);
    await expect(fetch(url.searchParams.get("redirect_uri") ?? "")).rejects.toThrow();
  });

  test("that the person denies says so", async () => {
    await using server = await startOidcServer();
    using home = homeFor(server);
    const run = home.run([...LOGIN, IDP]);
    await new ScriptedBrowser({ denies: true }).login(await run.sees(URL_LINE));
    expect(await run.exited).toBe(1);
    expect(run.output()).toContain("access_denied");
    expect(stored(home)).toEqual([]);
  });

  test("whose port is taken says by whom", async () => {
    await using server = await startOidcServer();
    const holder = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    const redirect = { host: "127.0.0.1", port: holder.port, path: "/callback" };
    using home = homeFor(server, { flow: { redirect } });
    const run = home.run([...LOGIN, IDP]);
    expect(await run.exited).toBe(1);
    expect(run.output()).toContain(`port ${holder.port} is held by`);
    if (process.platform === "linux") expect(run.output()).toContain(`pid ${process.pid}`);
    await holder.stop(true);
  });
});

describe("without a login", () => {
  test("a dry run shows everything it would do, and changes nothing", async () => {
    await using server = await startOidcServer();
    using home = homeFor(server);
    const run = home.run([...LOGIN, IDP, "--dry-run"]);
    expect(await run.exited).toBe(0);
    for (const part of [
      "{state}",
      "{nonce}",
      "{challenge}",
      "any free",
      "It is ours.",
      "the tests",
    ]) {
      expect(run.output()).toContain(part);
    }
    expect(readdirSync(home.path)).toEqual(["config.yml"]);
    expect((await server.ledger()).tokenRequests).toBe(0);
  });

  test("what a provider forbids is refused in its terms, with a place to read them", async () => {
    using home = new AgentHome();
    for (const provider of ["openai-codex", "google-antigravity", "anthropic"]) {
      const run = home.run([...LOGIN, provider]);
      expect(await run.exited).toBe(1);
      expect(run.output()).toMatch(/restricted|discontinued/);
      expect(run.output()).toContain("https://");
    }
    expect(stored(home)).toEqual([]);
  });

  test("an app of one's own is asked for with the key to set", async () => {
    using home = new AgentHome();
    const run = home.run([...LOGIN, "github-copilot"]);
    expect(await run.exited).toBe(1);
    expect(run.output()).toContain("auth.providers.github-copilot.clientId");
  });

  test("nobody at the terminal gets the list of ids; an unknown one too", async () => {
    using home = new AgentHome();
    for (const args of [LOGIN, [...LOGIN, "nonesuch"]]) {
      const run = home.run(args);
      expect(await run.exited).toBe(2);
      expect(run.output()).toContain("openrouter");
    }
  });

  test("a callback port is refused where no browser comes back, or to another port", async () => {
    using home = new AgentHome();
    for (const [provider, port] of [
      ["groq", "5000"],
      ["openrouter", "5000"],
      ["openrouter", "x"],
    ] as const) {
      const run = home.run([...LOGIN, provider, "--callback-port", port], {
        stdin: "key-0123456789",
      });
      expect(await run.exited).toBe(2);
      expect(run.output()).toContain("--callback-port");
    }
    expect(stored(home)).toEqual([]);
  });

  test("an API key comes from standard input, and is not shown", async () => {
    using home = new AgentHome();
    const run = home.run([...LOGIN, "groq"], { stdin: "canary-key-0123456789\n" });
    expect(await run.exited).toBe(0);
    expect(run.output()).not.toContain("canary");
    const [key] = stored(home);
    expect(key?.credential).toEqual({
      type: "api_key",
      key: "canary-key-0123456789",
      source: "login",
    });
    const empty = home.run([...LOGIN, "groq"]);
    expect(await empty.exited).toBe(2);
  });
});

describe("--via", () => {
  /** A PATH on which ssh writes down its arguments and ends with 7. */
  function fakeSsh(home: AgentHome) {
    const path = join(home.path, "ssh");
    writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$@" > '${home.path}/told'\nexit 7\n`);
    chmodSync(path, 0o755);
    return { PATH: `${home.path}:/usr/bin:/bin` };
  }

  test("runs the login over there with its port forwarded, and ends as ssh ends", async () => {
    using home = new AgentHome();
    const run = home.run([...LOGIN, "openrouter", "--via", "me@broker"], { env: fakeSsh(home) });
    expect(await run.exited).toBe(7);
    const told = readFileSync(join(home.path, "told"), "utf8").trim().split("\n");
    expect(told.join(" ")).toContain(
      "-L 54549:127.0.0.1:54549 -- me@broker agent auth-broker login openrouter",
    );
  });

  test("picks a port where the provider takes any, and says which", async () => {
    await using server = await startOidcServer();
    using home = homeFor(server);
    const run = home.run([...LOGIN, IDP, "--via", "broker"], { env: fakeSsh(home) });
    expect(await run.exited).toBe(7);
    const told = readFileSync(join(home.path, "told"), "utf8");
    expect(told).toMatch(/-L\n(\d+):127\.0\.0\.1:\1\n--\nbroker\n[\s\S]*--callback-port\n\1\n/);
  });

  test("of a dry run only says what it would run", async () => {
    using home = new AgentHome();
    const env = fakeSsh(home);
    const run = home.run([...LOGIN, "openrouter", "--via", "me@broker", "--dry-run"], { env });
    expect(await run.exited).toBe(0);
    expect(run.output()).toContain("-- me@broker agent auth-broker login openrouter");
    expect(existsSync(join(home.path, "told"))).toBeFalse();
  });

  test("starts nothing for what could be an option or a command", async () => {
    using home = new AgentHome();
    const env = fakeSsh(home);
    for (const via of ["--via=-oProxyCommand=x", "--via=me@host;id"]) {
      const run = home.run([...LOGIN, "openrouter", via], { env });
      expect(await run.exited).toBe(2);
    }
    expect(await home.run([...LOGIN, "--via=me@host"], { env }).exited).toBe(2);
    expect(existsSync(join(home.path, "told"))).toBeFalse();
  });
});

describe("logout", () => {
  test("removes every grant of the provider, and ends it there", async () => {
    await using server = await startOidcServer();
    using home = homeFor(server);
    for (const account of ["alice", "bob"]) {
      const run = home.run([...LOGIN, IDP]);
      await new ScriptedBrowser({ account }).login(await run.sees(URL_LINE));
      expect(await run.exited).toBe(0);
    }
    const grants = stored(home).map(({ credential }) => credential);
    expect(grants).toHaveLength(2);
    const run = home.run(["auth-broker", "logout", IDP]);
    expect(await run.exited).toBe(0);
    expect(run.output()).toContain("Removed 2 credentials");
    expect(run.output()).toContain("the provider revoked it");
    expect(stored(home)).toEqual([]);
    for (const grant of grants) {
      const family = grant.type === "oauth" ? await server.family(grant.refresh) : undefined;
      expect(family).toMatchObject({ isAlive: false });
    }
  });

  test("removes the grant though the provider is gone, and says so", async () => {
    const server = await startOidcServer();
    using home = homeFor(server);
    const run = home.run([...LOGIN, IDP]);
    await new ScriptedBrowser().login(await run.sees(URL_LINE));
    expect(await run.exited).toBe(0);
    await server[Symbol.asyncDispose]();
    const out = home.run(["auth-broker", "logout", IDP]);
    expect(await out.exited).toBe(0);
    expect(out.output()).toContain("could not be told");
    expect(stored(home)).toEqual([]);
  });

  test("of what is not stored is an error that lists what is", async () => {
    using home = new AgentHome();
    expect(await home.run([...LOGIN, "groq"], { stdin: "key-0123456789" }).exited).toBe(0);
    const run = home.run(["auth-broker", "logout", "mistral"]);
    expect(await run.exited).toBe(1);
    expect(run.output()).toContain("groq");
  });
});
