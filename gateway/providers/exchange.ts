// Keys that are not shown themselves: a provider makes a token of them first, which is shown and ends soon. Where that
// takes a call, it goes to a fixed address of the vendor's; nothing within a key says where.

import type { Outbound } from "#platform";
import { UpstreamFailed } from "../errors.ts";

/** What a key was exchanged for. */
export interface ExchangedKey {
  readonly token: string;
  /** Sent with the token. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ms since the epoch; Infinity where it is not known. */
  readonly endsAtMs: number;
}

/** What an exchange may use. */
export interface ExchangeMeans {
  readonly outbound: Outbound;
  readonly nowMs: () => number;
}

/** Makes the token for a key. Throws KeyUnusable for a key that is none here, UpstreamFailed where the vendor fails. */
export type ExchangeKey = (key: string, means: ExchangeMeans) => Promise<ExchangedKey>;

/** The kept key yields no token; the message says how to fix it and holds nothing of the key. */
export class KeyUnusable extends UpstreamFailed {
  constructor(message: string, { cause }: { cause?: unknown } = {}) {
    super({ kind: "upstream_auth", code: "credential_unusable", message }, { cause });
  }
}
