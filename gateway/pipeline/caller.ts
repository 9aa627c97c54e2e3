// Who a request comes from, as every later step may know it. Holds no key.

import type { KeyRules } from "../keys/key-rules.ts";

/** The holder of one of the gateway's keys. */
export interface Caller {
  /** Stable id of the key; `owner` for the gateway's own token. */
  readonly id: string;
  readonly name: string;
  /** What it may do; absent for the gateway's own token, which may do everything. */
  readonly rules?: KeyRules;
  /** When its secret was last changed, in ms since the epoch; an older one is no key any more. */
  readonly rotatedAtMs?: number | null;
}

/** Whoever shows the gateway's own token: every model, no limit. */
export const OWNER: Caller = { id: "owner", name: "owner" };

/** Recognises a key; undefined for a stranger. Constant time in what the key says. */
export type Authenticate = (candidate: string) => Caller | undefined;
