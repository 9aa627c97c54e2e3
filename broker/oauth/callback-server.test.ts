// The callback address over real sockets: what ends the wait, what does not, and who else may be there.

import { afterEach, describe, expect, test } from "bun:test";
import { type CallbackServer, listenForCallback } from "./callback-server.ts";
import type { Redirect } from "./descriptor.ts";
import { LoginError } from "./login-error.ts";

const open: CallbackServer[] = [];
const redirect: Redirect = { host: "127.0.0.1", port: 0, alternatePorts: [], path: "/callback" };

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

function listen(changes: Partial<Redirect> = {}, port?: number): CallbackServer {
  const server = listenForCallback({ ...redirect, ...changes }, { port });
  open.push(server);
  return server;
}

const codeOf = (params: URLSearchParams) => params.get("code") ?? undefined;

test("the first callback that is accepted ends the wait; later ones find it over or nobody", async () => {
  const server = listen();
  const waiting = server.wait(codeOf);
  const page = await fetch(`${server.redirectUri}?code=canary-1`);
  expect(page.status).toBe(200);
  expect(await waiting).toBe("canary-1");
  expect((await fetch(`${server.redirectUri}?code=canary-2`)).status).toBe(410);
  await server.close();
  await expect(fetch(`${server.redirectUri}?code=canary-3`)).rejects.toThrow();
});

test("a page loads nothing, runs nothing and repeats nothing", async () => {
  const server = listen();
  const waiting = server.wait(codeOf);
  for (const query of ["?x=canary-1", "?code=canary-2", "?code=canary-3"]) {
    const page = await fetch(server.redirectUri + query);
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toStartWith("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(page.headers.get("referrer-policy")).toBe("no-referrer");
    const html = await page.text();
    expect(html).not.toContain("canary");
    expect(html).not.toMatch(/src=|href=|<script|@import|url\(/);
  }
  await waiting;
});

describe("the wait goes on after", () => {
  test.each<[string, string, RequestInit, number]>([
    ["another path", "/other?code=c", {}, 404],
    ["the path with something after it", "/callback/x?code=c", {}, 404],
    ["another method", "/callback?code=c", { method: "POST" }, 405],
    ["a body", "/callback?code=c", { method: "POST", body: "code=c" }, 413],
    ["a callback that is not accepted", "/callback?x=1", {}, 400],
    ["an image on some page", "/callback?code=c", { headers: { "sec-fetch-dest": "image" } }, 400],
    ["a script on some page", "/callback?code=c", { headers: { "sec-fetch-mode": "cors" } }, 400],
    ["another origin", "/callback?code=c", { headers: { origin: "https://evil.example" } }, 400],
    ["another host", "/callback?code=c", { headers: { host: "evil.example" } }, 404],
  ])("%s", async (_name, path, init, status) => {
    const server = listen();
    const waiting = server.wait(codeOf);
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
    expect(answer.status).toBe(status);
    const visit = { headers: { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" } };
    await fetch(`${server.redirectUri}?code=right`, visit);
    expect(await waiting).toBe("right");
  });
});

test("an error of the reader ends the wait, and the page says nothing about it", async () => {
  const server = listen();
  const waiting = server.wait(() => {
    throw new LoginError("login_mix_up", "canary");
  });
  const outcome = waiting.catch((error: unknown) => error);
  const page = await fetch(`${server.redirectUri}?code=c`);
  expect(page.status).toBe(400);
  expect(await page.text()).not.toContain("canary");
  expect(await outcome).toBeInstanceOf(LoginError);
});

test("nobody is let in before the login waits", async () => {
  const server = listen();
  expect((await fetch(`${server.redirectUri}?code=c`)).status).toBe(400);
});

describe("a redirect to localhost", () => {
  test("is answered on both loopback addresses", async () => {
    const server = listen({ host: "localhost" });
    expect(server.redirectUri).toStartWith("http://localhost:");
    for (const host of ["127.0.0.1", "[::1]"]) {
      expect((await fetch(`http://${host}:${server.port}/callback`)).status).toBe(400);
    }
  });

  test("is refused when somebody sits on the other address of the port", async () => {
    const squatter = Bun.serve({ hostname: "::1", port: 0, fetch: () => new Response() });
    const { port = 0 } = squatter;
    expect(() => listen({ host: "localhost", port })).toThrow(LoginError);
    await squatter.stop(true);
    expect(listen({ host: "localhost", port }).port).toBe(port);
  });
});

describe("a port that is taken", () => {
  test("is an error that names its holder", async () => {
    const holder = listen();
    const error = await Promise.try(() => listen({ port: holder.port })).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ code: "callback_port_in_use" });
    expect(String(error)).toContain(String(holder.port));
    if (process.platform === "linux") expect(String(error)).toContain(`pid ${process.pid}`);
  });

  test("gives way to the alternates, in order", () => {
    const holder = listen();
    const spare = listen();
    void spare.close();
    const server = listen({ port: holder.port, alternatePorts: [spare.port] });
    expect(server.redirectUri).toBe(`http://127.0.0.1:${spare.port}/callback`);
  });

  test("has no alternates when the port was given", () => {
    const holder = listen();
    expect(() => listen({ alternatePorts: [0] }, holder.port)).toThrow(LoginError);
  });
});
