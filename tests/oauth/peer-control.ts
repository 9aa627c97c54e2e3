// A peer in a process of its own, so that tests may kill its client, or it, without killing themselves: the
// control API on the inside, and the same peer driven over it on the outside. Refuses to outlive its parent.

import { join } from "node:path";
import * as z from "zod";
import { FaultSchema } from "./faults.ts";
import {
  CLIENT_KINDS,
  CLIENTS,
  FamilySchema,
  LedgerSchema,
  MintedGrantSchema,
  type OAuthPeer,
} from "./oauth-peer.ts";

const GrantRequestSchema = z.strictObject({ client: z.enum(CLIENT_KINDS).optional() });
const FamilyRequestSchema = z.strictObject({ refresh_token: z.string() });

/** The line that a peer process prints when it is ready. */
const AnnouncementSchema = z.looseObject({
  issuer: z.string(),
  tokenEndpoint: z.string(),
  control: z.string(),
});
type Announcement = z.infer<typeof AnnouncementSchema>;

/** Announces a peer on standard output and serves its control API until standard input ends. */
export async function runPeerProcess(peer: OAuthPeer): Promise<void> {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    routes: {
      "/__fault": {
        POST: async (request) => {
          const { kind, ...options } = FaultSchema.parse(await request.json());
          await peer.fault(kind, options);
          return new Response(null, { status: 204 });
        },
        DELETE: async () => {
          await peer.clearFaults();
          return new Response(null, { status: 204 });
        },
      },
      "/__ledger": { GET: async () => Response.json(await peer.ledger()) },
      "/__grant": {
        POST: async (request) => {
          const options = GrantRequestSchema.parse(await request.json());
          return Response.json(await peer.mintGrant(options));
        },
      },
      "/__family": {
        POST: async (request) => {
          const { refresh_token } = FamilyRequestSchema.parse(await request.json());
          return Response.json((await peer.family(refresh_token)) ?? null);
        },
      },
    },
    error: (error) => Response.json({ error: error.message }, { status: 400 }),
  });
  const control = `http://127.0.0.1:${server.port}`;
  process.stdout.write(`${JSON.stringify({ ...peer, clients: CLIENTS, control })}\n`);
  // Ends with the parent, even one that was killed.
  for await (const _ of Bun.stdin.stream());
  await server.stop(true);
  await peer[Symbol.asyncDispose]();
}

/** A peer in another process. */
export interface PeerProcess extends OAuthPeer {
  readonly pid: number;
  /** What it printed: its URLs, by name, and its clients. */
  readonly announcement: Announcement;
}

/** Starts a peer in a process of its own; the arguments are those of its script. */
export async function spawnPeer(
  server: "token-server" | "oidc-server",
  args: readonly string[] = [],
): Promise<PeerProcess> {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, `${server}-process.ts`), ...args],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  const announcement = AnnouncementSchema.parse(JSON.parse(await firstLine(child.stdout)));
  const { issuer, tokenEndpoint, control } = announcement;
  const call = async (path: string, method: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(control + path, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  };
  return {
    pid: child.pid,
    announcement,
    issuer,
    tokenEndpoint,
    mintGrant: async (options = {}) =>
      MintedGrantSchema.parse(await call("/__grant", "POST", options)),
    fault: async (kind, options) => void (await call("/__fault", "POST", { kind, ...options })),
    clearFaults: async () => void (await call("/__fault", "DELETE")),
    ledger: async () => LedgerSchema.parse(await call("/__ledger", "GET")),
    family: async (refresh_token) =>
      FamilySchema.nullable().parse(await call("/__family", "POST", { refresh_token })) ??
      undefined,
    async [Symbol.asyncDispose]() {
      // A frozen process would not see the end of its input.
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function firstLine(output: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of output) {
    text += decoder.decode(piece, { stream: true });
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  throw new Error("The peer ended before it was ready.");
}
