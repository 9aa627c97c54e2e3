// Closes the side doors to a process that holds secrets: no core file when it crashes, and no other process of
// the same user that reads its memory, environment or open files under /proc. Linux only; refuses to fail: what
// could not be closed is told, and the caller decides.

/** A side door. */
export type HardeningStep = "core_files" | "memory_access";

/** A side door that stayed open, and why. */
export interface HardeningGap {
  readonly step: HardeningStep;
  readonly reason: string;
}

const PR_SET_DUMPABLE = 4;
const RLIMIT_CORE = 4;
const STEPS: readonly HardeningStep[] = ["core_files", "memory_access"];
// glibc, then musl.
const C_LIBRARIES = [
  "libc.so.6",
  `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];

/** Closes what it can, for good, and returns what it could not. Root can still look in. Never throws. */
export async function hardenProcess({
  platform = process.platform,
}: { platform?: string } = {}): Promise<readonly HardeningGap[]> {
  if (platform !== "linux") return STEPS.map((step) => gap(step, `not supported on ${platform}`));
  try {
    return await hardenLinux();
  } catch (error) {
    const reason = error instanceof Error ? error.message : "the C library cannot be called";
    return STEPS.map((step) => gap(step, reason));
  }
}

async function hardenLinux(): Promise<readonly HardeningGap[]> {
  const { prctl, setrlimit } = await loadCalls();
  const gaps: HardeningGap[] = [];
  if (setrlimit(RLIMIT_CORE, 0n) !== 0) gaps.push(gap("core_files", "setrlimit was refused"));
  if (prctl(PR_SET_DUMPABLE, 0) !== 0) gaps.push(gap("memory_access", "prctl was refused"));
  return gaps;
}

interface Calls {
  prctl(option: number, value: number): number;
  /** Sets both the soft and the hard limit. */
  setrlimit(resource: number, limit: bigint): number;
}

// Loaded here, because nobody else needs to call C.
async function loadCalls(): Promise<Calls> {
  const { dlopen, FFIType, ptr } = await import("bun:ffi");
  const { i32, u64 } = FFIType;
  const declarations = {
    prctl: { args: [i32, u64, u64, u64, u64], returns: i32 },
    setrlimit: { args: [i32, FFIType.ptr], returns: i32 },
  } as const;
  const { symbols } = firstOf(C_LIBRARIES, (name) => dlopen(name, declarations));
  return {
    prctl: (option, value) => symbols.prctl(option, value, 0, 0, 0),
    setrlimit: (resource, limit) =>
      symbols.setrlimit(resource, ptr(BigUint64Array.of(limit, limit))),
  };
}

function firstOf<T>(names: readonly string[], open: (name: string) => T): T {
  let last: unknown;
  for (const name of names) {
    try {
      return open(name);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

function gap(step: HardeningStep, reason: string): HardeningGap {
  return { step, reason };
}
