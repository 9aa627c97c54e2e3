// Which release of each peer is measured, and what has to be pinned beside it. Newer ones: change the version here,
// and delete the folder they were installed into.

/** One peer as npm installs it: a folder of its own, so that their dependencies do not meet. */
export interface PeerPackage {
  readonly name: string;
  readonly version: string;
  /** Dependencies that npm would choose otherwise. */
  readonly overrides?: Readonly<Record<string, string>>;
}

/** With the newest of these two, every stream is answered with 500 `TypeError: immutable`. */
const STREAMING_OVERRIDES = { hono: "4.9.7", "@hono/node-server": "1.13.8" };

/** The peers, by their names in the tables. */
export const peerPackages = {
  portkey: {
    name: "@portkey-ai/gateway",
    version: "1.15.2",
    overrides: STREAMING_OVERRIDES,
  },
  /** 3 needs Node 22; this is the newest that runs on every Node the bench runs on. */
  ccr: { name: "@musistudio/claude-code-router", version: "2.0.0" },
  /** 18.3.4 depends on a package that was never published. */
  omp: { name: "@oh-my-pi/pi-coding-agent", version: "18.2.3" },
} satisfies Record<string, PeerPackage>;
