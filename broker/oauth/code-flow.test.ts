// What a login in the browser sends out, and what it lets in.

import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { beginCodeFlow, type CodeRequest, readCallback, readPasted } from "./code-flow.ts";
import { type CodeFlow, OAuthRules } from "./descriptor.ts";
import { LoginError } from "./login-error.ts";

const ISSUER = "https://idp.example";

function flowOf(changes: Record<string, unknown> = {}): CodeFlow {
  const { flow } = OAuthRules.parse({
    policy: { status: "sanctioned", reason: "Open.", link: "https://idp.example/rules" },
    source: "a test",
    asksFor: "nothing",
    flow: {
      kind: "code",
      clientId: "client-1",
      scopes: ["openid", "use"],
      authorizeUrl: `${ISSUER}/auth?tenant=a`,
      authorizeParams: { host_id: "urn:uuid:{installId}", state: "fixed", empty: "{unknown}" },
      tokenUrl: `${ISSUER}/token`,
      redirect: { host: "127.0.0.1", port: 0, path: "/callback" },
      ...changes,
    },
  });
  if (flow.kind !== "code") throw new Error("not a code flow");
  return flow;
}

function begin(flow: CodeFlow): CodeRequest {
  const redirectUri = "http://127.0.0.1:1455/callback";
  return beginCodeFlow(flow, { clientId: "client-1", redirectUri, installId: "inst-1" });
}

function refusal(run: () => unknown): LoginError {
  try {
    run();
  } catch (error) {
    if (error instanceof LoginError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("the authorization URL", () => {
  const idToken = { issuer: ISSUER, jwksUrl: `${ISSUER}/jwks`, algorithms: ["RS256"] };

  test("carries an S256 challenge, a state and, with ID tokens, a nonce, all of 256 bits", () => {
    const request = begin(flowOf({ idToken }));
    const params = Object.fromEntries(new URL(request.url).searchParams);
    expect(params).toEqual({
      tenant: "a",
      host_id: "urn:uuid:inst-1",
      response_type: "code",
      client_id: "client-1",
      redirect_uri: "http://127.0.0.1:1455/callback",
      scope: "openid use",
      state: request.state,
      nonce: request.nonce ?? "",
      code_challenge: createHash("sha256")
        .update(request.verifier ?? "")
        .digest("base64url"),
      code_challenge_method: "S256",
    });
    for (const value of [request.state, request.nonce, request.verifier]) {
      expect(Buffer.from(value ?? "", "base64url")).toHaveLength(32);
    }
    expect(new Set([request.state, request.nonce, request.verifier]).size).toBe(3);
  });

  test("holds nothing twice over two logins, and no nonce that nobody would check", () => {
    const [one, other] = [begin(flowOf()), begin(flowOf())];
    expect(one.state).not.toBe(other.state);
    expect(one.verifier).not.toBe(other.verifier);
    expect(one.nonce).toBeUndefined();
    expect(new URL(one.url).searchParams.has("nonce")).toBeFalse();
  });
});

describe("a callback", () => {
  const flow = flowOf();
  const request = begin(flow);
  const params = (fields: Record<string, string>) => new URLSearchParams(fields);

  test("with the state of this login gives the code", () => {
    const grant = readCallback(flow, request, params({ state: request.state, code: "code-1" }));
    expect(grant).toEqual({ code: "code-1", clientId: "client-1", isIssued: false });
  });

  test.each([
    ["another state", params({ state: `${request.state}x`, code: "c" })],
    ["no state", params({ code: "c" })],
    ["an error without a state", params({ error: "access_denied" })],
    ["a state twice", new URLSearchParams(`state=${request.state}&state=${request.state}&code=c`)],
    ["a code twice", new URLSearchParams(`state=${request.state}&code=c&code=d`)],
    ["no code", params({ state: request.state })],
    ["an empty code", params({ state: request.state, code: "" })],
    ["a code with a line break", params({ state: request.state, code: "a\nb" })],
    ["a code of 5,000 characters", params({ state: request.state, code: "c".repeat(5_000) })],
  ])("with %s is not the answer, and the login goes on", (_name, given) => {
    expect(readCallback(flow, request, given)).toBeUndefined();
  });

  test("with the provider's error ends the login, in safe words", () => {
    const given = params({
      state: request.state,
      error: "access_denied",
      error_description: `no\u001b[31m for ${request.state}`,
    });
    const error = refusal(() => readCallback(flow, request, given));
    expect(error.code).toBe("login_refused");
    expect(error.message).toContain("access_denied");
    expect(error.message).not.toContain(request.state);
    expect(error.message).not.toContain("\u001b");
    const hostile = params({ state: request.state, error: "<script>" });
    expect(refusal(() => readCallback(flow, request, hostile)).message).not.toContain("<");
  });

  test("of another issuer is a mix-up, and so is one without the issuer that is expected", () => {
    const strict = flowOf({ issuer: ISSUER });
    const own = begin(strict);
    const answer = { state: own.state, code: "code-1" };
    expect(readCallback(strict, own, params({ ...answer, iss: ISSUER }))?.code).toBe("code-1");
    for (const given of [answer, { ...answer, iss: "https://evil.example" }]) {
      expect(refusal(() => readCallback(strict, own, params(given))).code).toBe("login_mix_up");
    }
  });

  test("that names an issuer names the one that signs the ID tokens", () => {
    const idToken = { issuer: ISSUER, jwksUrl: `${ISSUER}/jwks`, algorithms: ["RS256"] };
    const signed = flowOf({ idToken });
    const own = begin(signed);
    const answer = { state: own.state, code: "code-1" };
    expect(readCallback(signed, own, params(answer))?.code).toBe("code-1");
    expect(readCallback(signed, own, params({ ...answer, iss: ISSUER }))?.code).toBe("code-1");
    const other = params({ ...answer, iss: "https://evil.example" });
    expect(refusal(() => readCallback(signed, own, other)).code).toBe("login_mix_up");
  });

  test("may hand out the client id to use, where the descriptor says so", () => {
    const issuing = flowOf({ issuedClientIdParam: "client_id" });
    const own = begin(issuing);
    const answer = { state: own.state, code: "code-1" };
    const grant = readCallback(issuing, own, params({ ...answer, client_id: "issued-7" }));
    expect(grant).toEqual({ code: "code-1", clientId: "issued-7", isIssued: true });
    expect(readCallback(issuing, own, params(answer))?.clientId).toBe("client-1");
    const ignored = readCallback(
      flow,
      request,
      params({ ...answer, state: request.state, client_id: "x" }),
    );
    expect(ignored?.clientId).toBe("client-1");
  });
});

describe("a paste", () => {
  const flow = flowOf();
  const request = begin(flow);
  const address = `${request.redirectUri}?code=code-1&state=${request.state}`;

  test.each([
    ["the whole address", address],
    ["the address with spaces around it", `  ${address}\n`],
    ["the code alone", "code-1"],
    ["code#state", `code-1#${request.state}`],
  ])("of %s is taken", (_name, text) => {
    expect(readPasted(flow, request, text).code).toBe("code-1");
  });

  test.each([
    ["nothing", ""],
    ["an address with another state", `${request.redirectUri}?code=c&state=other`],
    ["a code with another state", "code-1#other"],
    ["words", "I clicked allow"],
  ])("of %s is refused with what to paste", (_name, text) => {
    const error = refusal(() => readPasted(flow, request, text));
    expect(error.code).toBe("login_input_unusable");
    expect(error.fix).toContain("whole address");
  });

  test("of a bare code is not enough where there is no PKCE", () => {
    const bare = flowOf({ pkce: false });
    const own = begin(bare);
    expect(own.verifier).toBeUndefined();
    expect(() => readPasted(bare, own, "code-1")).toThrow(LoginError);
    expect(readPasted(bare, own, `code-1#${own.state}`).code).toBe("code-1");
  });
});
