// The certificate and key that a server shows, read from PEM files. Refuses a key that others can read,
// and a pair that does not fit, before the first client would meet a failing handshake.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { PrivateFileError, readPrivateFile } from "./private-file.ts";

/** Where a server's certificate chain and its private key are, both PEM. */
export interface TlsFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

/** A certificate or key cannot be used; the message names the file. */
export class TlsFileError extends Error {
  readonly code = "tls_file_invalid";
  readonly path: string;

  constructor(path: string, problem: string, { cause }: { cause?: unknown } = {}) {
    super(`${path}: ${problem}`, { cause });
    this.name = "TlsFileError";
    this.path = path;
  }
}

/** The two texts; throws TlsFileError, or PrivateFileError when others can read the key. */
export function readTlsFiles({ certPath, keyPath }: TlsFiles): { cert: string; key: string } {
  const cert = readCertificate(certPath);
  const key = readKey(keyPath);
  if (!parseCertificate(certPath, cert).checkPrivateKey(parseKey(keyPath, key))) {
    throw new TlsFileError(keyPath, `is not the key of the certificate in ${certPath}`);
  }
  return { cert, key };
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function readKey(path: string): string {
  try {
    // Tools that renew certificates keep a link to the newest; what counts is who can read the target.
    const bytes = readPrivateFile(realpathSync(path));
    if (bytes !== undefined) return new TextDecoder().decode(bytes);
  } catch (cause) {
    throw cause instanceof PrivateFileError ? cause : unreadable(path, cause);
  }
  throw new TlsFileError(path, "cannot be read: no such file");
}

function parseCertificate(path: string, text: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch {
    throw new TlsFileError(path, 'holds no PEM certificate ("-----BEGIN CERTIFICATE-----")');
  }
}

function parseKey(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    // The parser's own error is left out: nothing that has seen the key may end up in a log.
    const problem = 'holds no PEM private key ("-----BEGIN PRIVATE KEY-----") without a passphrase';
    throw new TlsFileError(path, problem);
  }
}

function unreadable(path: string, cause: unknown): TlsFileError {
  const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  return new TlsFileError(path, `cannot be read${code}`, { cause });
}
