// Who a request comes from, as every later step may know it. Holds no key.

/** The holder of one of the gateway's keys. */
export interface Caller {
  /** Stable id of the key; `owner` for the gateway's own token. */
  readonly id: string;
  readonly name: string;
}

/** Whoever shows the gateway's own token: every model, no limit. */
export const OWNER: Caller = { id: "owner", name: "owner" };

/** Recognises a key; undefined for a stranger. Constant time in what the key says. */
export type Authenticate = (candidate: string) => Caller | undefined;
