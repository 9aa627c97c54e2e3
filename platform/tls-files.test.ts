// Serving with TLS from files: what is shown to clients, and which files are refused, by name.

import { afterAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveHttp } from "./http-server.ts";
import { createLogger } from "./log.ts";
import { PrivateFileError } from "./private-file.ts";
import { readTlsFiles, TlsFileError } from "./tls-files.ts";

const directory = mkdtempSync(join(tmpdir(), "tls-"));
afterAll(() => rmSync(directory, { recursive: true }));

function save(name: string, content: string, mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, content, { mode });
  return path;
}

function der(tag: number, ...parts: (Uint8Array | string)[]): Uint8Array {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const { length } = content;
  const long = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  const size = length < 128 ? [length] : long;
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const hex = (text: string) => Buffer.from(text, "hex");

/** A certificate for 127.0.0.1 that vouches for itself (RFC 5280, ECDSA with SHA-256). */
function selfSigned({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }) {
  const algorithm = der(0x30, der(0x06, hex("2a8648ce3d040302")));
  const name = der(0x30, der(0x31, der(0x30, der(0x06, hex("550403")), der(0x0c, "test"))));
  const validity = der(0x30, der(0x17, "200101000000Z"), der(0x17, "491231235959Z"));
  const address = der(0x04, der(0x30, der(0x87, hex("7f000001"))));
  const extensions = der(0xa3, der(0x30, der(0x30, der(0x06, hex("551d11")), address)));
  const content = der(
    0x30,
    der(0xa0, der(0x02, hex("02"))),
    der(0x02, hex("01")),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    extensions,
  );
  const signature = der(0x03, hex("00"), sign("sha256", content, privateKey));
  const whole = Buffer.from(der(0x30, content, algorithm, signature))
    .toString("base64")
    .replace(/.{64}/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${whole}\n-----END CERTIFICATE-----\n`;
}

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
const certificate = selfSigned(pair);
const certPath = save("cert.pem", certificate, 0o644);
const keyPath = save("key.pem", pem(pair.privateKey));

test("a server with a certificate answers over https only, by its usual names", async () => {
  const server = serveHttp({
    bind: { hostname: "127.0.0.1", port: 0 },
    tls: { certPath, keyPath },
    hasToken: true,
    fetch: (request, { remoteAddress }) => new Response(`${request.url} ${remoteAddress()}`),
    refuse: ({ status }) => new Response(null, { status }),
    log: createLogger({ level: "error", write: () => {} }),
  });
  try {
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
    const tls = { ca: certificate };
    const answer = await fetch(`${server.url}/a`, { tls });
    expect(await answer.text()).toBe(`${server.url}/a 127.0.0.1`);
    const rebound = await fetch(server.url, { tls, headers: { host: "evil.example" } });
    expect(rebound.status).toBe(403);
    await expect(fetch(server.url.replace("https", "http"))).rejects.toThrow();
  } finally {
    await server.stop({ graceMs: 0 });
  }
});

describe("refused with the file's name", () => {
  const junk = save("junk.pem", "junk");
  const empty = save("empty.pem", "");
  const other = save("other.pem", pem(stranger.privateKey));
  const missing = join(directory, "missing.pem");
  const cases: [string, { certPath: string; keyPath: string }, string, string][] = [
    ["a missing certificate", { certPath: missing, keyPath }, missing, "cannot be read (ENOENT)"],
    ["a missing key", { certPath, keyPath: missing }, missing, "cannot be read (ENOENT)"],
    ["no certificate", { certPath: junk, keyPath }, junk, "no PEM certificate"],
    ["an empty certificate", { certPath: empty, keyPath }, empty, "no PEM certificate"],
    ["no key", { certPath, keyPath: junk }, junk, "no PEM private key"],
    ["a certificate for a key", { certPath: keyPath, keyPath }, keyPath, "no PEM certificate"],
    ["the key of another certificate", { certPath, keyPath: other }, other, "not the key of"],
  ];
  for (const [name, files, path, problem] of cases) {
    test(name, () => {
      const read = () => readTlsFiles(files);
      expect(read).toThrow(TlsFileError);
      expect(read).toThrow(`${path}: `);
      expect(read).toThrow(problem);
    });
  }

  test("a key that others can read, with the command that closes it", () => {
    const open = save("open.pem", pem(pair.privateKey));
    chmodSync(open, 0o640);
    const read = () => readTlsFiles({ certPath, keyPath: open });
    expect(read).toThrow(PrivateFileError);
    expect(read).toThrow("chmod 600");
  });
});

test("a link to a key is followed, and the key behind it judged", () => {
  const link = join(directory, "live.pem");
  symlinkSync(keyPath, link);
  expect(readTlsFiles({ certPath, keyPath: link }).key).toBe(pem(pair.privateKey));
});
