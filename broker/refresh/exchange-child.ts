// Sends one refresh request in a process of its own, which outlives a broker that is killed, and stores the raw
// answer before anyone judges it. Loads next to nothing, so that it starts in milliseconds. Refuses to send
// twice, to follow a redirect, and to send anything when its job is not whole.

import type { ExchangeAnswer, ExchangeJob } from "./exchange-job.ts";
import { ownIdentity } from "./process-identity.ts";
import { sealAnswer } from "./spool-seal.ts";
import { SpoolWriter } from "./spool-writer.ts";

/** How long an answer that cannot be stored is held in memory, in ms, and how often storing is tried. */
const HOLD_MS = 900_000;
const STORE_AGAIN_MS = 500;

// What stops a broker must not stop the request that it has sent.
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.on(signal, () => {});

const job = await readJob();
if (job) await run(job);
process.exit(0);

// Undefined when the broker died before it had said everything.
async function readJob(): Promise<ExchangeJob | undefined> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of Bun.stdin.stream()) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}

async function run(job: ExchangeJob): Promise<void> {
  const spool = new SpoolWriter(job.directory, job.attemptId);
  spool.reserve();
  if (!spool.claim(ownIdentity())) return;
  const answer = await exchange(job);
  const key = Buffer.from(job.spoolKey, "base64");
  await store(spool, sealAnswer(JSON.stringify(answer), key, job.attemptId));
}

async function exchange({ request, timeoutMs, maxBytes }: ExchangeJob): Promise<ExchangeAnswer> {
  const { url, method, headers, body } = request;
  try {
    const response = await fetch(url, {
      method,
      headers: { ...headers },
      body,
      redirect: "manual",
      keepalive: false,
      signal: AbortSignal.timeout(timeoutMs),
    });
    return await readAnswer(response, maxBytes);
  } catch (error) {
    return { kind: "failed", receivedAtMs: Date.now(), code: codeOf(error) };
  }
}

async function readAnswer(response: Response, maxBytes: number): Promise<ExchangeAnswer> {
  const { status, headers } = response;
  const receivedAtMs = Date.now();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let cut: string | null = null;
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > maxBytes) return { kind: "failed", receivedAtMs, code: "too_large" };
      chunks.push(chunk);
    }
  } catch (error) {
    cut = codeOf(error);
  }
  return {
    kind: "answered",
    receivedAtMs,
    status,
    contentType: headers.get("content-type"),
    retryAfter: headers.get("retry-after"),
    body: Buffer.concat(chunks).toString("base64"),
    cut,
  };
}

// It may be the only copy of a rotated token in the world: a full disk is waited for.
async function store(spool: SpoolWriter, sealed: Uint8Array): Promise<void> {
  for (let leftMs = HOLD_MS; leftMs > 0; leftMs -= STORE_AGAIN_MS) {
    try {
      return spool.put(sealed);
    } catch {
      await Bun.sleep(STORE_AGAIN_MS);
    }
  }
}

// Only names: messages of the runtime quote the URL.
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if (error.name === "TimeoutError") return "timeout";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
