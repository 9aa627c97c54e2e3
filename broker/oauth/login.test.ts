// Whole logins against a scripted provider: what is asked, what is stored, and how they end.

import { afterEach, describe, expect, test } from "bun:test";
import { createOutbound, type Fetch, redact } from "#platform";
import { ProviderDescriptor, type ProviderDescriptorInput } from "./descriptor.ts";
import { login, type LoginOptions, type LoginPrompts } from "./login.ts";
import type { LoginProvider } from "./login-policy.ts";

const NOW_MS = 1_700_000_000_000;
const TOKENS = {
  access_token: "canary-access",
  refresh_token: "canary-refresh",
  expires_in: 60,
  account: { email: "a@b.example" },
};

type Handler = (params: URLSearchParams, request: Request) => Response;

const servers: Bun.Server<undefined>[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

function serve(routes: Record<string, Handler>): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const text = await request.text();
      const isJson = request.headers.get("content-type") === "application/json";
      const params = new URLSearchParams(isJson ? JSON.parse(text) : text);
      return (
        routes[new URL(request.url).pathname]?.(params, request) ??
        new Response(null, { status: 404 })
      );
    },
  });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

type RulesInput = NonNullable<ProviderDescriptorInput["oauth"]>;

function providerOf(
  oauth: Pick<RulesInput, "flow"> & Partial<RulesInput>,
  origin: LoginProvider["origin"] = "built-in",
): LoginProvider {
  const descriptor = ProviderDescriptor.parse({
    id: "idp",
    name: "The IdP",
    oauth: {
      policy: { status: "sanctioned", reason: "Because.", link: "https://idp.example/rules" },
      source: "a test",
      asksFor: "nothing",
      refresh: { url: "https://idp.example/token", params: {} },
      ...oauth,
    },
  });
  return { descriptor, origin };
}

function codeFlow(base: string, changes: Record<string, unknown> = {}) {
  return {
    kind: "code" as const,
    clientId: "client-1",
    authorizeUrl: `${base}/auth`,
    tokenUrl: `${base}/token`,
    redirect: { host: "127.0.0.1" as const, port: 0, path: "/callback" },
    ...changes,
  };
}

/** A person whose browser is sent back at once with these parameters beside the state. */
function browser(answer: Record<string, string>): LoginPrompts {
  return {
    visit: ({ url }) => {
      const { searchParams } = new URL(url);
      const back = new URL(
        searchParams.get("redirect_uri") ?? searchParams.get("callback_url") ?? "",
      );
      const state = searchParams.get("state");
      for (const [name, value] of Object.entries({ ...(state && { state }), ...answer })) {
        back.searchParams.set(name, value);
      }
      void fetch(back);
    },
    explain: () => {},
  };
}

const nobody: LoginPrompts = { visit: () => {}, explain: () => {} };

function run(provider: LoginProvider, prompts: LoginPrompts, options: Partial<LoginOptions> = {}) {
  return login(provider, { installId: "inst-1", nowMs: () => NOW_MS, prompts, ...options });
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (error instanceof Error) return error;
  throw new Error("nothing was thrown");
}

describe("a login in the browser", () => {
  test("exchanges the code with the verifier of its challenge, and knows who it was", async () => {
    let sent = new URLSearchParams();
    const base = serve({ "/token": (params) => ((sent = params), Response.json(TOKENS)) });
    const identity = { from: "response" as const, fields: { email: ["account.email"] } };
    const provider = providerOf({ flow: codeFlow(base), identity });
    const result = await run(provider, browser({ code: "canary-code" }), {
      clientSecret: "canary-app-secret",
    });
    expect(result).toEqual({
      provider: "idp",
      credential: {
        type: "oauth",
        access: "canary-access",
        refresh: "canary-refresh",
        expires: NOW_MS + 60_000,
        authorizedAt: NOW_MS,
        email: "a@b.example",
      },
    });
    expect(Object.fromEntries(sent)).toMatchObject({
      grant_type: "authorization_code",
      code: "canary-code",
      client_id: "client-1",
      client_secret: "canary-app-secret",
    });
    expect(sent.get("code_verifier")).toHaveLength(43);
    expect(sent.get("redirect_uri")).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    for (const secret of [
      "canary-code",
      "canary-access",
      "canary-refresh",
      sent.get("code_verifier"),
    ]) {
      expect(redact(`x ${secret} x`)).toBe("x [redacted] x");
    }
  });

  test("keeps the client id that was issued with the code, and uses it at once", async () => {
    let sent = new URLSearchParams();
    const base = serve({ "/token": (params) => ((sent = params), Response.json(TOKENS)) });
    const provider = providerOf({ flow: codeFlow(base, { issuedClientIdParam: "client_id" }) });
    const { credential } = await run(provider, browser({ code: "c", client_id: "issued-7" }));
    expect(sent.get("client_id")).toBe("issued-7");
    expect(credential).toMatchObject({ clientId: "issued-7" });
  });

  test("sends the state along where the code carries it", async () => {
    let sent = new URLSearchParams();
    const base = serve({ "/token": (params) => ((sent = params), Response.json(TOKENS)) });
    const flow = codeFlow(base, { codeCarriesState: true, tokenFormat: "json" });
    await run(providerOf({ flow }), browser({ code: "c" }));
    expect(sent.get("state")).toHaveLength(43);
  });

  test("takes a paste as well, after explaining what was wrong with another", async () => {
    const base = serve({ "/token": () => Response.json(TOKENS) });
    const explained: string[] = [];
    const pastes = ["I clicked allow", "canary-code-1"];
    const prompts: LoginPrompts = {
      visit: () => {},
      paste: async () => pastes.shift() ?? "",
      explain: (problem) => void explained.push(problem),
    };
    const { credential } = await run(providerOf({ flow: codeFlow(base) }), prompts);
    expect(credential).toMatchObject({ access: "canary-access" });
    expect(explained).toHaveLength(1);
  });

  test("ends the prompt for a paste when the browser came back first", async () => {
    const base = serve({ "/token": () => Response.json(TOKENS) });
    let isEnded = false;
    const paste = (signal: AbortSignal) =>
      new Promise<string>((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          isEnded = true;
          reject(signal.reason);
        });
      });
    await run(providerOf({ flow: codeFlow(base) }), { ...browser({ code: "c" }), paste });
    expect(isEnded).toBeTrue();
  });
});

describe("a login ends, with the port free again,", () => {
  async function port(): Promise<number> {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    const free = server.port ?? 0;
    await server.stop(true);
    return free;
  }

  test("when nobody comes back", async () => {
    const callbackPort = await port();
    const ended = run(providerOf({ flow: codeFlow("https://idp.example") }), nobody, {
      callbackPort,
      lifetimeMs: 20,
    });
    expect(await failure(ended)).toMatchObject({ code: "login_expired" });
    await expect(fetch(`http://127.0.0.1:${callbackPort}/`)).rejects.toThrow();
  });

  test("when the person gives up", async () => {
    const callbackPort = await port();
    const abort = new AbortController();
    const prompts = { ...nobody, visit: () => abort.abort(new Error("enough")) };
    const { signal } = abort;
    const ended = run(providerOf({ flow: codeFlow("https://idp.example") }), prompts, {
      callbackPort,
      signal,
    });
    expect((await failure(ended)).message).toBe("enough");
    await expect(fetch(`http://127.0.0.1:${callbackPort}/`)).rejects.toThrow();
  });

  test.each<[string, () => Response, string]>([
    [
      "the code is refused",
      () => Response.json({ error: "invalid_grant" }, { status: 400 }),
      "login_refused",
    ],
    [
      "a proxy answers",
      () => new Response("<html>canary</html>", { status: 403 }),
      "login_refused",
    ],
    ["the answer is HTML", () => new Response("<html>canary</html>"), "login_refused"],
    [
      "the answer is an error in a 200",
      () => Response.json({ error: "canary x" }),
      "login_refused",
    ],
    ["tokens are missing", () => Response.json({ token: "canary" }), "token_answer_unusable"],
    [
      "the answer is a redirect",
      () => Response.redirect("https://evil.example/"),
      "login_unreachable",
    ],
    ["the answer is huge", () => new Response("x".repeat(2_000_000)), "login_unreachable"],
    [
      "the answer quotes what was sent",
      () => Response.json({ error: "x", error_description: "bad canary-code-9" }, { status: 400 }),
      "login_refused",
    ],
  ])("when %s", async (_name, answer, code) => {
    const base = serve({ "/token": answer });
    const callbackPort = await port();
    const prompts = browser({ code: "canary-code-9" });
    const error = await failure(
      run(providerOf({ flow: codeFlow(base) }), prompts, { callbackPort }),
    );
    expect(error).toMatchObject({ code });
    expect(Bun.inspect(error)).not.toContain("canary");
    await expect(fetch(`http://127.0.0.1:${callbackPort}/`)).rejects.toThrow();
  });
});

describe("a login on another device", () => {
  test("shows the code and waits; who it was comes from the provider's own API", async () => {
    const base = serve({
      "/device": () =>
        Response.json({
          device_code: "canary-device",
          user_code: "AB-CD",
          verification_uri: "https://idp.example/d",
        }),
      "/token": () => Response.json(TOKENS),
      "/me": (_params, request) =>
        Response.json({
          login: request.headers.get("authorization") === "Bearer canary-access" ? "octo" : "",
        }),
    });
    const places: unknown[] = [];
    const provider = providerOf({
      flow: {
        kind: "device",
        clientId: "client-1",
        deviceUrl: `${base}/device`,
        tokenUrl: `${base}/token`,
      },
      identity: {
        from: "userinfo",
        userinfoUrl: `${base}/me`,
        fields: { accountId: ["id", "login"] },
      },
    });
    const prompts = { ...nobody, visit: (place: unknown) => void places.push(place) };
    const { credential } = await run(provider, prompts, { sleep: async () => {} });
    expect(places).toEqual([{ url: "https://idp.example/d", code: "AB-CD" }]);
    expect(credential).toMatchObject({ access: "canary-access", accountId: "octo" });
  });

  test("is not lost because the provider does not say who it was", async () => {
    const base = serve({
      "/device": () =>
        Response.json({
          device_code: "canary-device",
          user_code: "AB-CD",
          verification_uri: "https://idp.example/d",
        }),
      "/token": () => Response.json(TOKENS),
    });
    const provider = providerOf({
      flow: {
        kind: "device",
        clientId: "client-1",
        deviceUrl: `${base}/device`,
        tokenUrl: `${base}/token`,
      },
      identity: { from: "userinfo", userinfoUrl: `${base}/gone`, fields: { email: ["email"] } },
    });
    const { credential } = await run(provider, nobody, { sleep: async () => {} });
    expect(credential).not.toHaveProperty("email");
  });
});

describe("a login that mints a key", () => {
  const flow = (base: string) => ({
    kind: "key" as const,
    authorizeUrl: `${base}/auth`,
    callbackParam: "callback_url",
    mintUrl: `${base}/keys`,
    keyPath: "data.key",
    redirect: { host: "localhost" as const, port: 0, path: "/callback" },
  });

  test("exchanges the code for a key", async () => {
    let sent = new URLSearchParams();
    const base = serve({
      "/keys": (params) => ((sent = params), Response.json({ data: { key: "canary-key" } })),
    });
    const result = await run(providerOf({ flow: flow(base) }), browser({ code: "canary-code" }));
    expect(result.credential).toEqual({ type: "api_key", key: "canary-key", source: "login" });
    expect(redact("x canary-key x")).toBe("x [redacted] x");
    expect(Object.fromEntries(sent)).toMatchObject({
      code: "canary-code",
      code_challenge_method: "S256",
    });
    expect(sent.get("code_verifier")).toHaveLength(43);
  });

  test.each([
    ["no key", { data: {} }],
    ["a number", { data: { key: 7.5 } }],
    ["a key with a line break", { data: { key: "canary\n" } }],
  ])("is refused when the answer holds %s", async (_name, answer) => {
    const base = serve({ "/keys": () => Response.json(answer) });
    const error = await failure(run(providerOf({ flow: flow(base) }), browser({ code: "c" })));
    expect(error).toMatchObject({ code: "token_answer_unusable" });
    expect(String(error)).not.toContain("canary");
  });
});

describe("what the provider permits", () => {
  const device = {
    kind: "device" as const,
    deviceUrl: "https://idp.example/d",
    tokenUrl: "https://idp.example/t",
  };
  const policy = (status: "own-app-required" | "restricted" | "discontinued") => ({
    policy: { status, reason: "Because.", link: "https://idp.example/rules" },
  });

  test.each(["restricted", "discontinued"] as const)(
    "%s: the rule and its place are quoted",
    async (status) => {
      for (const origin of ["built-in", "operator-client"] as const) {
        const provider = providerOf(
          { flow: { ...device, clientId: "c" }, ...policy(status) },
          origin,
        );
        const error = await failure(run(provider, nobody));
        expect(error).toMatchObject({ code: "login_not_permitted" });
        expect(error.message).toContain("Because. (https://idp.example/rules)");
      }
    },
  );

  test("own-app-required: the key to set is named", async () => {
    const error = await failure(
      run(providerOf({ flow: device, ...policy("own-app-required") }), nobody),
    );
    expect(error).toMatchObject({ code: "own_app_required" });
    expect(error.message).toContain("Because. (https://idp.example/rules)");
    expect(error).toHaveProperty("fix", expect.stringContaining("auth.providers.idp.clientId"));
  });

  test("nothing is sent before it is known to be permitted", async () => {
    let calls = 0;
    const fetch: Fetch = async () => ((calls += 1), new Response());
    const outbound = createOutbound({ fetch });
    const provider = providerOf({ flow: { ...device, clientId: "c" }, ...policy("restricted") });
    await failure(run(provider, nobody, { outbound }));
    expect(calls).toBe(0);
  });

  test("the operator answers for a description of their own", async () => {
    const base = serve({
      "/d": () =>
        Response.json({
          device_code: "canary-device",
          user_code: "A",
          verification_uri: "https://idp.example/d",
        }),
      "/t": () => Response.json(TOKENS),
    });
    const flow = { ...device, clientId: "c", deviceUrl: `${base}/d`, tokenUrl: `${base}/t` };
    const provider = providerOf({ flow, ...policy("restricted") }, "operator");
    const { credential } = await run(provider, nobody, { sleep: async () => {} });
    expect(credential.type).toBe("oauth");
  });
});
